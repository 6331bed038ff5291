"""What was missed is answered or declined, once and in order; what was heard is noted."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from bot.control.records import Admission
from bot.control.words import say
from bot.conversation import catching_up
from bot.conversation.absences import Absences
from bot.conversation.admission import OpenGate
from bot.conversation.catching_up import CatchingUp
from bot.errors import OutOfOrder, PlatformError, StorageError
from bot.operation.facts import UNOBSERVED, Observer
from bot.ports import CatchUp
from bot.reply.notices import explained
from bot.values import Author, Inbound, Place, ReplyState
from tests.board import ScriptedGenerator
from tests.conversation.conftest import ANN, BOB, CHANNEL, OTHER, THREAD, Build, House
from tests.conversation.test_life import Notes

AWAY = explained("", say("conversation.away"))
NOW = datetime.now(UTC)
STUMBLE = """
    CREATE TRIGGER stumble BEFORE INSERT ON replies WHEN NEW.message_id = '3'
    BEGIN SELECT RAISE(ABORT, 'who knows'); END
"""
MARGIN = timedelta(seconds=5)


def said(
    number: int, author: Author = ANN, place: Place = CHANNEL, *, ago: float = 60.0
) -> Inbound:
    moment = NOW - timedelta(seconds=ago)
    return Inbound(place, author, f"message {number}", str(number), moment)


def absences(
    house: House,
    *,
    within: float = 3600.0,
    messages: int = 50,
    observer: Observer = UNOBSERVED,
) -> Absences:
    return Absences(
        house.store,
        house.conversations,
        within=timedelta(seconds=within),
        messages=messages,
        now=lambda: NOW,
        observer=observer,
    )


async def back(house: House, **given: Any) -> CatchingUp:
    """The bot is back after two days."""
    await house.store.note_heard("discord", NOW - timedelta(days=2))
    found = await absences(house, **given).begin("discord", MARGIN)
    assert found is not None
    return found


async def endings(house: House) -> list[tuple[str, str]]:
    found = [await house.records.record(number) for number in range(1, 20)]
    return [(str(one.state), one.message_id) for one in found if one is not None]


async def test_what_one_person_missed_an_answer_to_is_answered_together(house: House) -> None:
    catch_up = await back(house)
    await catch_up.take([said(1), said(2), said(3, BOB), said(4)])
    await house.idle()
    assert house.board.texts == [
        "You said: Ann: message 1 Ann: message 2",
        "You said: Bob: message 3",
        "You said: Ann: message 4",
    ]


async def test_the_newest_are_answered_and_the_rest_is_declined_in_one_sentence(
    house: House,
) -> None:
    catch_up = await back(house, messages=2)
    await catch_up.take([said(n, (ANN, BOB)[n % 2]) for n in range(1, 6)])
    await catch_up.take([said(9, place=OTHER)])
    await house.idle()
    assert [(one.text, one.answering) for one in house.board.posted if one.text == AWAY] == [
        (AWAY, "3"),
        (AWAY, "9"),
    ]
    assert len(house.board.posted) == 4
    states = {number: state for state, number in await endings(house)}
    assert {n for n, state in states.items() if state == "failed"} == {"1", "2", "3", "9"}
    assert {n for n, state in states.items() if state == "delivered"} == {"4", "5"}


async def test_what_is_too_old_is_declined_once_however_often_it_is_found(house: House) -> None:
    for _ in range(2):
        catch_up = await back(house, within=30)
        await catch_up.take([said(1), said(2, BOB, THREAD), said(3, BOB, ago=10)])
        await house.idle()
    assert [one.text for one in house.board.posted if one.text == AWAY] == [AWAY]
    assert len(house.board.posted) == 2
    assert await catch_up.unclaimed(CHANNEL, ["1", "2", "3", "4"]) == {"4"}


async def test_what_the_platform_told_of_after_all_is_not_declined(house: House) -> None:
    catch_up = await back(house, messages=0)
    await catch_up.take([said(1, BOB), said(2)], told={"2"})
    await house.idle()
    assert {n: state for state, n in await endings(house)} == {
        "1": "failed",
        "2": "delivered",
    }


async def test_a_sentence_that_a_crash_left_unsaid_is_said_by_the_next_start(build: Build) -> None:
    first = await build()
    catch_up = await back(first, messages=0)
    first.conversations.attach(first.board)
    first.board.gate.clear()
    await catch_up.take([said(1)])
    await first.board.until(lambda: first.board.in_flight == 1)
    await first.conversations.drain(0.0)
    first.board.gate.set()
    second = await build()
    await second.conversations.recover(second.board)
    await second.idle()
    assert second.board.texts == [AWAY]
    assert second.generator.prompts == []


async def test_what_people_write_now_has_room_beside_what_was_missed(build: Build) -> None:
    go = asyncio.Event()
    house = await build(ScriptedGenerator(lambda _: [go, "Yes."]), waiting=1)
    house.conversations.attach(house.board)
    catch_up = await back(house)
    await catch_up.take([said(n, (ANN, BOB)[n % 2]) for n in range(1, 6)])
    await house.say("and now?", ANN)
    go.set()
    await house.idle()
    assert {state for state, _ in await endings(house)} == {"delivered"}
    assert len(house.board.posted) == 6


async def test_no_further_channel_is_looked_into_while_too_much_is_unanswered(
    build: Build,
) -> None:
    go = asyncio.Event()
    house = await build(ScriptedGenerator(lambda _: [go, "Yes."]))
    house.conversations.attach(house.board)
    catch_up = await back(house)
    await catch_up.take([said(n, (ANN, BOB)[n % 2]) for n in range(8)])
    waiting = asyncio.create_task(catch_up.room())
    await house.board.until(lambda: house.board.typing > 0)
    assert not waiting.done()
    go.set()
    await asyncio.wait_for(waiting, 10)


class Closed(OpenGate):
    """Nobody may talk, and is told so."""

    async def admit(self, inbound: Inbound) -> Admission:
        return Admission(False, f"No, {inbound.author.name}.", "access")


async def test_who_was_refused_while_the_bot_listened_is_not_told_again(build: Build) -> None:
    house = await build(gate=Closed())
    house.conversations.attach(house.board)
    await house.store.note_heard("discord", NOW - timedelta(seconds=30))
    catch_up = await absences(house).begin("discord", timedelta(minutes=5))
    assert catch_up is not None
    await catch_up.take([said(1, ago=60), said(2, BOB, ago=10)])
    assert house.board.texts == ["No, Bob."]
    assert await endings(house) == []


async def test_what_was_claimed_is_answered_though_what_came_after_it_could_not_be(
    house: House,
) -> None:
    catch_up = await back(house, messages=2)
    with closing(sqlite3.connect(house.file)) as database:
        database.execute(STUMBLE)
    with pytest.raises(StorageError):
        await catch_up.take([said(1, ago=7200), said(2, BOB), said(3)])
    await house.idle()
    assert house.board.texts == [AWAY, "You said: Ann: message 1 Bob: message 2"]
    with closing(sqlite3.connect(house.file)) as database:
        database.execute("DROP TRIGGER stumble")
    await catch_up.take([said(3)])
    await house.idle()
    assert house.board.texts[2:] == ["You said: Ann: message 3"]


async def test_what_a_new_connection_has_taken_up_is_not_given_twice(build: Build) -> None:
    go = asyncio.Event()
    house = await build(ScriptedGenerator(lambda _: [go, "Yes."]))
    replies = [await house.conversations.claim(said(1)), await house.conversations.claim(said(2))]
    assert await house.conversations.recover(house.board) == 2
    house.conversations.answer_missed([reply for reply in replies if reply])
    go.set()
    await house.idle()
    assert len(house.board.posted) == 1
    assert house.generator.prompts[1:] == []


async def test_whatever_ends_a_search_but_the_stop_it_goes_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "FIRST_PAUSE", 0.0)
    catch_up = await back(house)
    failures = [PlatformError("away"), OutOfOrder("locked"), RuntimeError("who knows"), None, None]
    rests = [0.01, None]

    async def look(search: CatchUp) -> float | None:
        if failure := failures.pop(0):
            raise failure
        search.seen(NOW)
        return rests.pop(0)

    await asyncio.wait_for(catch_up.complete(look), 10)
    assert not failures
    assert not rests
    assert await house.store.heard_until("discord") == NOW


async def test_each_that_is_declined_has_its_line_and_is_counted(build: Build) -> None:
    notes = Notes()
    house = await build(observer=notes)
    house.conversations.attach(house.board)
    catch_up = await back(house, messages=0, observer=notes)
    with capture_logs() as lines:
        await catch_up.take([said(n, (ANN, BOB)[n % 2], THREAD) for n in range(1, 4)])
        await catch_up.take([said(4, place=CHANNEL)])
        await house.idle()
    assert [fact.state for fact in notes.ended] == [ReplyState.FAILED] * 4
    told = {line["message"]: line for line in lines if line["event"] == "reply ended"}
    assert set(told) == {"1", "2", "3", "4"}
    assert {line["reason"] for line in told.values()} == {"missed: more than catch_up_messages"}


async def test_what_is_being_taken_is_answered_though_the_caller_has_no_more_patience(
    house: House,
) -> None:
    catch_up = await back(house)
    for steps in range(1, 31):
        place = Place("discord", "1", f"channel {steps}")
        taking = asyncio.create_task(catch_up.take([said(steps, place=place)]))
        for _ in range(steps):
            await asyncio.sleep(0)
        taking.cancel()
        await asyncio.wait([taking])
    await house.board.until(lambda: len(house.board.posted) == 30)
    await house.idle()
    assert len(set(house.board.texts)) == 30
