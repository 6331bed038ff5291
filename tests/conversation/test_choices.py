"""Places with models, adapters and sampling of their own."""

from __future__ import annotations

import pytest

from bot.errors import ModelLoadError, TooLong
from bot.prompt.builder import PromptBuilder
from bot.prompt.formats import Llama2Format
from bot.prompt.tokenizer import Tokenizer
from bot.values import Choice
from tests.conversation.conftest import ANN, CHANNEL, CHIEF, OTHER, Build
from tests.engines.machine import Machine, Model, happened


@pytest.fixture
def other(tokenizer: Tokenizer) -> Model:
    """Another model, with a smaller context."""
    builder = PromptBuilder(Llama2Format(tokenizer), context=256, reserve=32)
    return Model("other", Machine(), builder)


async def test_each_place_is_answered_by_its_own_model(build: Build, other: Model) -> None:
    house = await build(sources=[other])
    house.conversations.attach(house.board)
    house.choices.by_place[OTHER] = Choice(model="other")
    await house.say("to the first", place=CHANNEL)
    await house.say("to the other", place=OTHER)
    await house.board.until(lambda: len(house.board.posted) == 2)
    await house.quiet(1)
    assert len(house.generator.prompts) == 1
    assert len(other.generators[0].prompts) == 1
    assert "to the other" in other.generators[0].prompts[0].text
    assert sorted(text.split(": ")[-1] for text in house.board.texts) == [
        "to the first",
        "to the other",
    ]


async def test_a_place_whose_model_is_gone_is_answered_by_the_default(build: Build) -> None:
    house = await build()
    house.conversations.attach(house.board)
    house.choices.by_place[CHANNEL] = Choice(model="gone")
    await house.say("hi")
    await house.quiet(1)
    assert len(house.generator.prompts) == 1


@pytest.mark.parametrize(("chosen", "used"), [("gentle", "gentle"), ("gone", ""), ("", "")])
async def test_a_place_has_its_adapter_as_long_as_there_is_one(
    build: Build, chosen: str, used: str
) -> None:
    house = await build()
    house.conversations.attach(house.board)
    house.choices.by_place[CHANNEL] = Choice(adapter=chosen)
    await house.say("hi")
    await house.quiet(1)
    assert house.generator.adapters == [used]


async def test_a_place_has_its_own_sampling_over_the_models(build: Build) -> None:
    house = await build()
    house.conversations.attach(house.board)
    house.choices.by_place[CHANNEL] = Choice(sampling=(("temperature", 0.0), ("seed", 7)))
    await house.say("hi", place=CHANNEL)
    await house.quiet(1)
    (used,) = house.generator.samplings
    assert (used.temperature, used.seed, used.top_p) == (0.0, 7, 0.9)


async def test_a_model_that_cannot_be_loaded_is_explained(build: Build, other: Model) -> None:
    other.failures.append(ModelLoadError("a shard is missing"))
    house = await build(sources=[other])
    house.conversations.attach(house.board)
    house.choices.by_place[CHANNEL] = Choice(model="other")
    await house.say("hi")
    await house.board.until(lambda: bool(house.board.posted))
    await house.conversations.drain(10.0)
    assert house.board.texts == [f"*({ModelLoadError.notice})*"]


async def test_an_answer_can_be_stopped_while_its_model_is_loading(
    build: Build, other: Model
) -> None:
    other.gate.clear()
    house = await build(sources=[other])
    house.conversations.attach(house.board)
    house.choices.by_place[CHANNEL] = Choice(model="other")
    await house.say("hi", ANN)
    assert await happened(other.asked)
    assert house.board.typing == 1
    assert await house.conversations.stop(CHANNEL, ANN)
    await house.board.until(lambda: house.board.typing == 0)
    assert house.board.texts == ["*(Stopped.)*"]
    other.gate.set()


async def test_a_persona_must_fit_the_model_of_its_place(build: Build, other: Model) -> None:
    house = await build(sources=[other])
    long = "Be kind to every one. " * 12
    assert (await house.personas.set(CHANNEL, long, CHIEF)).text == long.strip()
    house.choices.by_place[OTHER] = Choice(model="other")
    with pytest.raises(TooLong):
        await house.personas.set(OTHER, long, CHIEF)
    assert other.loads == 0
