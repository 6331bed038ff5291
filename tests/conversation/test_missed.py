"""What was missed is answered or declined, once and in order; what was heard is noted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from bot.control.records import Admission
from bot.control.words import say
from bot.conversation.absences import Absences
from bot.conversation.admission import OpenGate
from bot.conversation.catching_up import CatchingUp
from bot.reply.notices import explained
from bot.values import Author, Inbound, Place
from tests.board import ScriptedGenerator
from tests.conversation.conftest import ANN, BOB, CHANNEL, OTHER, THREAD, Build, House

AWAY = explained("", say("conversation.away"))
NOW = datetime.now(UTC)
MARGIN = timedelta(seconds=5)


def said(
    number: int, author: Author = ANN, place: Place = CHANNEL, *, ago: float = 60.0
) -> Inbound:
    moment = NOW - timedelta(seconds=ago)
    return Inbound(place, author, f"message {number}", str(number), moment)


def absences(house: House, *, within: float = 3600.0, messages: int = 50) -> Absences:
    store, conversations = house.store, house.conversations
    window = timedelta(seconds=within)
    return Absences(store, conversations, within=window, messages=messages, now=lambda: NOW)


async def back(house: House, *, within: float = 3600.0, messages: int = 50) -> CatchingUp:
    """The bot is back after two days."""
    await house.store.note_heard("discord", NOW - timedelta(days=2))
    found = await absences(house, within=within, messages=messages).begin("discord", MARGIN)
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


async def test_on_a_new_platform_nothing_was_missed(house: House) -> None:
    assert await absences(house).begin("discord", MARGIN) is None
    assert await house.store.heard_until("discord") == NOW


@pytest.mark.parametrize("hours", [-30, 0, 30])
async def test_what_is_too_old_is_told_by_the_platforms_clock(house: House, hours: int) -> None:
    await house.store.note_heard("discord", NOW - timedelta(hours=2))
    ears = Absences(
        house.store,
        house.conversations,
        within=timedelta(seconds=300),
        messages=50,
        now=lambda: NOW + timedelta(hours=hours),
    )
    for date in (format_datetime(NOW, usegmt=True), None, "", "yesterday"):
        ears.clock("discord", date)
    catch_up = await ears.begin("discord", MARGIN)
    assert catch_up is not None
    await catch_up.take([said(1, ago=600), said(2, BOB, ago=60)])
    await house.idle()
    assert catch_up.since == NOW - timedelta(hours=2) - MARGIN
    assert sorted(await endings(house)) == [("delivered", "2"), ("failed", "1")]


async def test_nothing_is_looked_for_that_is_older_than_a_day(house: House) -> None:
    assert (await back(house)).since == NOW - timedelta(days=1)


async def test_the_time_noted_stands_still_until_all_was_looked_through(house: House) -> None:
    await house.store.note_heard("discord", NOW - timedelta(hours=2))
    ears = absences(house)
    catch_up = await ears.begin("discord", MARGIN)
    assert catch_up is not None
    with ears.hearing("discord", NOW):
        pass
    await ears.save()
    assert await house.store.heard_until("discord") == NOW - timedelta(hours=2)
    await catch_up.end(NOW - timedelta(minutes=1))
    assert await house.store.heard_until("discord") == NOW


async def test_a_search_that_was_cut_off_goes_on_and_then_looks_for_what_came_since(
    house: House,
) -> None:
    await house.store.note_heard("discord", NOW - timedelta(hours=2))
    first = await absences(house).begin("discord", MARGIN)
    assert first is not None
    await first.note(CHANNEL)
    later = Absences(
        house.store,
        house.conversations,
        within=timedelta(hours=1),
        messages=50,
        now=lambda: NOW + timedelta(minutes=1),
    )
    second = await later.begin("discord", MARGIN)
    assert second is not None
    assert second.since == first.since
    assert [second.looked_through(place) for place in (CHANNEL, OTHER)] == [True, False]
    await second.note(OTHER)
    third = await second.end(NOW)
    assert third is not None
    assert third.since == NOW - MARGIN
    assert [third.looked_through(place) for place in (CHANNEL, OTHER)] == [False, False]
    assert await third.end(None) is None


async def test_the_time_noted_does_not_pass_a_message_that_is_not_dealt_with(
    house: House,
) -> None:
    ears = absences(house)
    await ears.begin("discord", MARGIN)
    later = [NOW + timedelta(seconds=seconds) for seconds in (1, 2)]
    with ears.hearing("discord", later[0]):
        with ears.hearing("discord", later[1]):
            pass
        await ears.save()
        assert await house.store.heard_until("discord") == later[0]
    await ears.save()
    assert await house.store.heard_until("discord") == later[1]


async def test_a_lost_line_is_looked_after_unless_nothing_of_it_is_missing(house: House) -> None:
    ears = absences(house)
    await ears.begin("discord", MARGIN)
    ears.lost("discord")
    with ears.hearing("discord", NOW + timedelta(seconds=9)):
        pass
    await ears.save()
    assert await house.store.heard_until("discord") == NOW
    catch_up = await ears.begin("discord", MARGIN)
    assert catch_up is not None
    assert catch_up.since == NOW - MARGIN
    await catch_up.end(None)
    ears.lost("discord")
    ears.kept("discord")
    with ears.hearing("discord", NOW + timedelta(seconds=20)):
        pass
    await ears.save()
    assert await house.store.heard_until("discord") == NOW + timedelta(seconds=20)


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
