"""An answer whose end could not be shown does not look unfinished for ever."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.control.words import say
from bot.errors import GenerationError, Gone, PlatformError, Throttled, Undeliverable
from bot.reply.messages import MARKER
from bot.reply.notices import explained
from tests.board import ScriptedGenerator, Step
from tests.conversation.conftest import OTHER, Build, House
from tests.conversation.test_conversations import states

AWAY = Throttled("the platform wants nothing for an hour", retry_after=3600)
CLOSED = Undeliverable("the channel is closed to the bot")
BEGUN = f"Once upon{MARKER}"
WHOLE = "Once upon a time."


async def left_unfinished(build: Build, error: PlatformError, *last: Step) -> House:
    """The board is out of reach when an answer comes to its end."""
    go = asyncio.Event()
    house = await build(ScriptedGenerator(lambda _: ["Once upon", go, *last]))
    house.conversations.attach(house.board)
    await house.say("a story")
    await house.board.until(lambda: house.board.texts == [BEGUN])
    house.board.failures = [error] * 9
    go.set()
    await house.idle()
    house.board.failures.clear()
    assert house.board.texts == [BEGUN]
    assert await states(house) == ["failed"]
    house.generator.script = lambda _: [WHOLE]
    return house


async def restarted(build: Build, *, resume_within: timedelta = timedelta(minutes=10)) -> House:
    house = await build(ScriptedGenerator(lambda _: [WHOLE]), resume_within=resume_within)
    await house.conversations.recover(house.board)
    await house.idle()
    return house


@pytest.mark.parametrize("error", [AWAY, CLOSED])
async def test_the_next_start_finishes_what_could_not_be_shown_to_its_end(
    build: Build, error: PlatformError
) -> None:
    await left_unfinished(build, error, " a time.")
    second = await restarted(build)
    assert second.board.texts == [WHOLE]
    assert await states(second) == ["delivered"]
    assert [turn.text for turn in await second.turns()] == ["a story", WHOLE]


async def test_where_its_text_is_no_longer_worth_finishing_it_is_marked_as_interrupted(
    build: Build,
) -> None:
    await left_unfinished(build, AWAY, GenerationError("a step failed"))
    second = await restarted(build, resume_within=timedelta(0))
    assert second.board.texts == [explained("Once upon", say("conversation.interrupted"))]
    assert await states(second) == ["interrupted"]


async def test_the_next_answer_at_the_place_shows_that_it_can_be_reached_again(
    build: Build,
) -> None:
    house = await left_unfinished(build, AWAY, " a time.")
    await house.say("and elsewhere?", place=OTHER)
    await house.idle()
    assert house.board.texts == [BEGUN, WHOLE]
    await house.say("and then?")
    await house.idle()
    assert house.board.texts == [WHOLE] * 3
    assert await states(house) == ["delivered"] * 3


async def test_a_place_that_stays_closed_is_tried_again_at_every_start(build: Build) -> None:
    first = await left_unfinished(build, CLOSED, " a time.")
    for _ in range(2):
        first.board.failures = [CLOSED] * 9
        await restarted(build)
        assert await states(first) == ["failed"]
    first.board.failures.clear()
    await restarted(build)
    assert first.board.texts == [WHOLE]


async def test_what_somebody_deleted_is_not_taken_up_again(build: Build) -> None:
    first = await left_unfinished(build, Gone("the message is no more"), " a time.")
    second = await restarted(build)
    assert second.generator.prompts == []
    assert await states(first) == ["failed"]


async def test_what_was_explained_where_it_stands_is_not_taken_up_again(build: Build) -> None:
    first = await build(ScriptedGenerator(lambda _: ["Once", GenerationError("a step failed")]))
    first.conversations.attach(first.board)
    await first.say("a story")
    await first.idle()
    assert await states(first) == ["failed"]
    second = await restarted(build)
    assert second.generator.prompts == []
