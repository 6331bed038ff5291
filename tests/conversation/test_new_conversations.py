"""A conversation is begun anew while somebody waits for an answer."""

from __future__ import annotations

import asyncio

from tests.board import ScriptedGenerator
from tests.conversation.conftest import ANN, BOB, CHIEF, Build, House


async def held_up(build: Build, go: asyncio.Event) -> House:
    """A house in which an answer to Ann is being written until `go`."""
    script = ScriptedGenerator(lambda _: ["slow", go] if not go.is_set() else ["Here."])
    house = await build(script)
    house.conversations.attach(house.board)
    await house.say("start", ANN)
    await house.board.until(lambda: len(house.board.posted) == 1)
    return house


async def test_who_waits_at_a_reset_is_answered_in_the_new_conversation(build: Build) -> None:
    go = asyncio.Event()
    house = await held_up(build, go)
    await house.say("what is a quipu", BOB)
    assert "1 messages" in (await house.use("reset", CHIEF)).text
    assert "already" in (await house.use("reset", CHIEF)).text
    go.set()
    await house.idle()
    await house.say("and who made them", BOB)
    await house.idle()
    assert house.board.texts == ["slow", "Here.", "Here."]
    waited, following = (prompt.text for prompt in house.generator.prompts[1:])
    assert waited.endswith("Bob: what is a quipu [/INST]")
    assert "what is a quipu [/INST] Here. </s>" in following
    assert "start" not in waited + following


async def test_what_one_person_wrote_in_a_row_stays_together_over_a_reset(build: Build) -> None:
    go = asyncio.Event()
    house = await held_up(build, go)
    for text in ("one", "two"):
        await house.say(text, BOB)
    await house.use("reset", CHIEF)
    go.set()
    await house.idle()
    assert house.generator.prompts[1].text.endswith("Bob: one\nBob: two [/INST]")
    assert "start" not in house.generator.prompts[1].text


async def test_an_answer_that_was_under_way_stays_in_the_old_conversation(build: Build) -> None:
    go = asyncio.Event()
    house = await held_up(build, go)
    await house.use("reset", CHIEF)
    go.set()
    await house.idle()
    await house.say("hello", BOB)
    await house.idle()
    assert house.board.texts == ["slow", "Here."]
    assert "slow" not in house.generator.prompts[1].text
