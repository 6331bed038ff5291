"""A model is chosen for a place whose persona it may have no room for."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.control.response import Given
from bot.control.words import languages
from bot.engines import Engine, Engines
from bot.engines.ready import Ready
from bot.errors import Refused
from bot.prompt.builder import PromptBuilder
from bot.prompt.formats import Llama2Format
from bot.prompt.tokenizer import Tokenizer
from bot.values import Choice, Sampling
from tests.board import ScriptedGenerator
from tests.control.conftest import CHANNEL, CHIEF, OTHER, OWNER, THREAD, Desk

LONG = " ".join(["You are a small model and you answer in this channel."] * 10)


@pytest.fixture
async def engines(tokenizer: Tokenizer) -> AsyncIterator[Engines]:
    """A large model, which is the default, and a small one."""
    made = [
        Engine(
            title,
            PromptBuilder(Llama2Format(tokenizer), context=context, reserve=64),
            ScriptedGenerator(),
            Sampling(),
        )
        for title, context in (("large", 2048), ("small", 200))
    ]
    engines = Engines([Ready(engine) for engine in made])
    await engines.warm()
    yield engines
    await engines.close()


async def test_a_model_that_is_too_small_for_the_persona_is_refused_with_both_lengths(
    desk: Desk,
) -> None:
    await desk.use("persona set", arguments={"text": LONG})
    for place, where in ((CHANNEL, "channel"), (THREAD, "thread")):
        for language in languages():
            given: dict[str, Given] = {"model": "small", "where": where}
            with pytest.raises(Refused) as refused:
                await desk.use("model", CHIEF, place, given, locale=language)
            assert "small" in refused.value.notice
            assert "75" in refused.value.notice
        assert await desk.steering.settings.choice(place) == Choice()
    await desk.use("persona set", arguments={"text": "Be brief."})
    assert "too long" not in (await desk.use("model", arguments={"model": "small"})).text
    assert await desk.steering.settings.choice(CHANNEL) == Choice("small")


async def test_a_model_of_the_whole_workspace_is_set_with_a_warning_of_such_channels(
    desk: Desk,
) -> None:
    await desk.use("persona set", place=OTHER, arguments={"text": LONG})
    small = {"model": "small", "where": "workspace"}
    told = (await desk.use("model", OWNER, CHANNEL, small)).text
    assert "Channels whose persona is too long for small: 1." in told
    assert (await desk.steering.settings.choice(OTHER)).model == "small"
    await desk.use("model", place=OTHER, arguments={"model": "large"})
    await desk.use("inherit", OWNER, CHANNEL, {"setting": "model", "where": "workspace"})
    assert "too long" not in (await desk.use("model", OWNER, CHANNEL, small)).text


async def test_who_inherits_a_model_that_is_too_small_is_warned(desk: Desk) -> None:
    await desk.use("model", OWNER, CHANNEL, {"model": "small", "where": "workspace"})
    await desk.use("model", arguments={"model": "large"})
    await desk.use("persona set", arguments={"text": LONG})
    told = (await desk.use("inherit", arguments={"setting": "model"})).text
    assert "The persona here is too long for small" in told
