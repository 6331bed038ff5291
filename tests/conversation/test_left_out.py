"""How many turns are left out is told at every answer, not only where the window moves."""

from __future__ import annotations

from collections.abc import Sequence

from bot.errors import GenerationError
from bot.values import Prompt
from tests.board import ScriptedGenerator, Step, echo
from tests.conversation.conftest import DIRECT, Build, House

LONG = "the quick brown fox jumps over the lazy dog " * 2


async def talk(house: House, count: int) -> list[Prompt]:
    """Somebody asks so many long questions; the prompts of all answers so far."""
    for _ in range(count):
        await house.say(LONG, place=DIRECT)
        await house.idle()
    return house.generator.prompts


async def test_every_answer_tells_how_many_turns_were_left_out(house: House) -> None:
    prompts = await talk(house, 13)
    dropped = [prompt.dropped for prompt in prompts]
    assert [prompt.kept + prompt.dropped for prompt in prompts] == list(range(1, 26, 2))
    assert dropped == sorted(dropped)
    assert dropped[-1] == dropped[-2] > 0
    answer = (await house.newest(DIRECT)).alternatives[-1]
    assert (answer.kept, answer.dropped) == (prompts[-1].kept, prompts[-1].dropped)
    told = (await house.use("why", place=DIRECT)).text
    assert f"the {answer.dropped} oldest were left out" in told


async def test_another_answer_leaves_out_as_many(house: House) -> None:
    prompts = await talk(house, 1)
    while not prompts[-1].dropped:
        await talk(house, 1)
    await house.use("regenerate", place=DIRECT)
    await house.idle()
    assert prompts[-1].text == prompts[-2].text
    assert prompts[-1].dropped == prompts[-2].dropped


async def test_an_answer_that_failed_does_not_spoil_the_count(build: Build) -> None:
    failed: list[Prompt] = []

    def script(prompt: Prompt) -> Sequence[Step]:
        if prompt.dropped and not failed:
            failed.append(prompt)
            return [GenerationError("out of memory")]
        return echo(prompt)

    house = await build(ScriptedGenerator(script))
    house.conversations.attach(house.board)
    prompts = await talk(house, 14)
    assert len(failed) == 1
    assert prompts[-1].kept + prompts[-1].dropped == 26, "one answer is missing"


async def test_a_new_conversation_has_left_out_nothing(house: House) -> None:
    await talk(house, 12)
    await house.use("reset", place=DIRECT)
    prompts = await talk(house, 2)
    assert [(prompt.kept, prompt.dropped) for prompt in prompts[-2:]] == [(1, 0), (3, 0)]
