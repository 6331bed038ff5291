"""After a restart every message that was claimed has its answer or its explanation."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

from bot.reply.messages import MARKER
from bot.values import Finish, FinishReason, Inbound, Part, Place, Prompt, ReplyState
from tests.board import PATIENCE, ScriptedGenerator
from tests.conversation.conftest import ANN, BOB, CHANNEL, CHIEF, DIRECT, OTHER, Build, House
from tests.conversation.test_conversations import states


async def cut_off(build: Build) -> House:
    """A run that was stopped in the middle of an answer, one message waiting behind it."""
    never = asyncio.Event()
    first = await build(ScriptedGenerator(lambda _: ["Once upon ", "a ", never]))
    first.conversations.attach(first.board)
    await first.say("a story")
    await first.board.until(lambda: first.board.texts == [f"Once upon a{MARKER}"])
    await first.conversations.drain(0.0)
    return first


async def test_a_young_answer_is_given_again_into_the_same_message(build: Build) -> None:
    first = await cut_off(build)
    assert await states(first) == [ReplyState.GENERATING]
    second = await build(ScriptedGenerator(lambda _: ["A whole story."]))
    assert await second.conversations.recover(second.board) == 1
    await second.quiet(1)
    assert second.board.texts == ["A whole story."]
    assert await states(second) == [ReplyState.DELIVERED]
    assert [turn.text for turn in await second.turns()] == ["a story", "A whole story."]


async def test_the_marker_of_an_unfinished_answer_never_reaches_a_prompt(build: Build) -> None:
    await cut_off(build)
    second = await build(resume_within=timedelta(0), first_message=200)
    await second.conversations.recover(second.board)
    await second.say("go on")
    await second.quiet(1)
    assert MARKER.strip() not in second.generator.prompts[0].text
    assert "a story [/INST] Once upon a </s>" in second.generator.prompts[0].text


async def test_an_old_answer_is_marked_as_interrupted(build: Build) -> None:
    await cut_off(build)
    second = await build(resume_within=timedelta(0))
    await second.conversations.recover(second.board)
    await second.idle()
    assert second.board.texts == ["Once upon a\n\n*(I was interrupted here. Please ask me again.)*"]
    assert await states(second) == [ReplyState.INTERRUPTED]
    assert second.generator.prompts == []


async def test_old_answers_hold_up_neither_the_start_nor_one_another(build: Build) -> None:
    first = await build()
    for number, place in enumerate((CHANNEL, OTHER, DIRECT)):
        await first.store.claim(_inbound(place, str(number)))
    second = await build(resume_within=timedelta(0))
    second.board.gate.clear()  # the platform does not answer
    async with asyncio.timeout(PATIENCE):
        assert await second.conversations.recover(second.board) == 3
    await second.board.until(lambda: second.board.in_flight == 3)
    assert await second.conversations.recover(second.board) == 0
    assert not await second.conversations.stop(CHANNEL, ANN)
    second.board.gate.set()
    await second.idle()
    assert second.board.texts == ["*(I was interrupted here. Please ask me again.)*"] * 3
    assert await states(second) == [ReplyState.INTERRUPTED] * 3


async def test_a_whole_text_that_was_not_shown_yet_is_only_shown(build: Build) -> None:
    first = await build()
    reply = await first.store.claim(_inbound())
    assert reply is not None
    posted = await first.board.create(CHANNEL, "1", f"The ans{MARKER}", "n")
    await first.store.save_part(reply.id, Part(0, posted.id, posted.text))
    finish = Finish(FinishReason.STOP, 3, 9)
    await first.store.complete(reply.id, "The answer.", finish, _prompt())
    second = await build(resume_within=timedelta(0))
    await second.conversations.recover(second.board)
    await second.board.until(lambda: second.board.texts == ["The answer."])
    await second.conversations.drain(5.0)
    assert second.generator.prompts == []
    assert await states(second) == [ReplyState.DELIVERED]
    assert [turn.text for turn in await second.turns()] == ["hi", "The answer."]


async def test_messages_claimed_but_not_begun_are_answered(build: Build) -> None:
    first = await build()
    await first.store.claim(_inbound())
    second = await build()
    await second.conversations.recover(second.board)
    await second.quiet(1)
    assert second.board.texts == ["You said: Ann: hi"]


async def test_recovering_twice_answers_once(build: Build) -> None:
    await cut_off(build)
    go = asyncio.Event()
    second = await build(ScriptedGenerator(lambda _: ["x", go]))
    await second.conversations.recover(second.board)
    await second.board.until(lambda: len(second.generator.prompts) == 1)
    assert await second.conversations.recover(second.board) == 0
    go.set()
    await second.quiet(1)
    assert len(second.generator.prompts) == 1


async def test_other_platforms_are_left_alone(build: Build) -> None:
    await cut_off(build)
    second = await build()
    second.board.platform = "slack"
    assert await second.conversations.recover(second.board) == 0
    second.board.platform = "discord"


async def test_at_shutdown_what_runs_is_finished_and_nothing_new_begins(build: Build) -> None:
    go = asyncio.Event()
    house = await build(ScriptedGenerator(lambda _: ["half", go, " and half"]))
    house.conversations.attach(house.board)
    for place in (CHANNEL, OTHER, DIRECT):
        await house.say("hi", place=place)
    await house.board.until(lambda: len(house.board.posted) == 3)
    stopping = asyncio.create_task(house.conversations.drain(10.0))
    go.set()
    await stopping
    assert house.board.texts == ["half and half"] * 3
    await house.say("just too late", message_id="900")
    assert len(house.board.posted) == 3
    again = await build()
    assert await again.conversations.recover(again.board) == 1
    await again.quiet(1)
    assert house.board.texts[-1] == "You said: Ann: just too late"


def _inbound(place: Place = CHANNEL, message_id: str = "1") -> Inbound:
    return Inbound(place, ANN, "hi", message_id, datetime.now(UTC))


def _prompt() -> Prompt:
    return Prompt((1, 2), "<s>", None, 1, 0)


async def test_killed_between_a_refusal_and_its_ending_it_answers_over_the_refusal(
    build: Build,
) -> None:
    go = asyncio.Event()
    first = await build(ScriptedGenerator(lambda _: ["x", go]), waiting=1)
    first.conversations.attach(first.board)
    for author in (ANN, BOB, CHIEF):
        await first.say("hi", author)
    await first.board.until(lambda: len(first.board.posted) == 2)
    go.set()
    await first.quiet(2)
    assert await states(first) == [ReplyState.DELIVERED, ReplyState.DELIVERED, ReplyState.FAILED]
    with closing(sqlite3.connect(first.file)) as database, database:
        database.execute("UPDATE replies SET state = 'queued', ended_at = NULL WHERE id = 3")
    second = await build(ScriptedGenerator(lambda _: ["An answer."]))
    await second.conversations.recover(second.board)
    await second.quiet(1)
    assert sorted(second.board.texts) == ["An answer.", "x", "x"]
