"""Up to when a platform was heard is noted, and is never later than what was dealt with."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta
from email.utils import format_datetime

import pytest

from bot.conversation import catching_up
from bot.conversation.absences import Absences
from bot.errors import PlatformError
from bot.values import Author
from tests.conversation.conftest import BOB, CHANNEL, OTHER, Build, House
from tests.conversation.test_missed import MARGIN, NOW, Closed, absences, back, endings, said


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
    catch_up.seen(NOW - timedelta(minutes=1))
    await catch_up.end()
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
    second.seen(NOW)
    third = await second.end()
    assert third is not None
    assert third.since == NOW - MARGIN
    assert [third.looked_through(place) for place in (CHANNEL, OTHER)] == [False, False]
    assert await third.end() is None


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


async def test_what_was_not_dealt_with_is_looked_for_unless_it_comes_again(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "FIRST_PAUSE", 0.0)
    ears = absences(house)
    await ears.begin("discord", MARGIN)
    later = [NOW + timedelta(seconds=seconds) for seconds in (1, 2, 3)]
    for moment in later[:2]:
        with pytest.raises(PlatformError), ears.hearing("discord", moment):
            raise PlatformError("away")
    for moment in (later[0], later[2]):
        with ears.hearing("discord", moment):
            pass
    await ears.save()
    assert await house.store.heard_until("discord") == later[1]
    await asyncio.wait_for(ears.undone("discord"), 10)
    catch_up = await ears.again("discord", timedelta(0))
    assert catch_up is not None
    assert catch_up.since == later[1]
    await ears.save()
    assert await house.store.heard_until("discord") == later[1]
    await catch_up.end()
    await ears.save()
    assert await house.store.heard_until("discord") == later[2]


def not_dealt_with(ears: Absences, moment: datetime | None) -> None:
    with pytest.raises(PlatformError), ears.hearing("discord", moment):
        raise PlatformError("away")


async def test_who_was_refused_while_the_line_was_there_is_not_told_again(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "FIRST_PAUSE", 0.0)
    house = await build(gate=Closed())
    house.conversations.attach(house.board)
    ears = absences(house)
    await ears.begin("discord", MARGIN)
    not_dealt_with(ears, NOW + timedelta(seconds=1))
    catch_up = await ears.again("discord", MARGIN)
    assert catch_up is not None
    await catch_up.take([said(1, ago=-1)])
    with ears.hearing("discord", NOW + timedelta(seconds=9)):
        pass
    ears.lost("discord")
    catch_up = await ears.begin("discord", MARGIN)
    assert catch_up is not None
    assert catch_up.since == NOW + timedelta(seconds=1) - MARGIN
    await catch_up.take([said(2, BOB, ago=-2)])
    assert house.board.texts == []
    await catch_up.take([said(3, Author("9", "Cleo"), ago=-10)])
    assert house.board.texts == ["No, Cleo."]


async def test_a_change_of_an_old_message_does_not_let_all_be_looked_for_since_then(
    house: House,
) -> None:
    ears = absences(house)
    await ears.begin("discord", MARGIN)
    with ears.hearing("discord", NOW):
        pass
    not_dealt_with(ears, None)
    with ears.hearing("discord", None):  # another one
        pass
    await asyncio.wait_for(ears.undone("discord"), 10)
    ears.lost("discord")
    catch_up = await ears.begin("discord", MARGIN)
    assert catch_up is not None
    assert catch_up.since == NOW - MARGIN


async def test_searches_are_further_and_further_apart_while_something_fails(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "FIRST_PAUSE", 0.01)
    ears = absences(house)
    await ears.begin("discord", MARGIN)
    not_dealt_with(ears, NOW)
    began = time.monotonic()
    for number in range(4):
        catch_up = await ears.again("discord", MARGIN)
        assert catch_up is not None
        not_dealt_with(ears, NOW + timedelta(seconds=number))
        await catch_up.end()
    assert time.monotonic() - began >= 0.01 + 0.02 + 0.04 + 0.08


async def test_what_was_not_dealt_with_is_not_looked_for_while_the_line_is_down(
    house: House,
) -> None:
    ears = absences(house)
    await ears.begin("discord", MARGIN)
    ears.lost("discord")
    with pytest.raises(PlatformError), ears.hearing("discord", NOW):
        raise PlatformError("away")
    undone = asyncio.create_task(ears.undone("discord"))
    await asyncio.wait([undone], timeout=0.05)
    assert not undone.done()
    ears.kept("discord")
    await asyncio.wait_for(undone, 10)


async def test_a_line_that_is_lost_during_a_search_is_looked_after_from_there(
    house: House,
) -> None:
    await house.store.note_heard("discord", NOW - timedelta(hours=2))
    ears = absences(house)
    catch_up = await ears.begin("discord", MARGIN)
    assert catch_up is not None
    ears.lost("discord")
    catch_up.seen(NOW + timedelta(minutes=1))  # said when the line was down
    await catch_up.end()
    following = await ears.begin("discord", MARGIN)
    assert following is not None
    assert following.since == NOW - MARGIN


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
    await catch_up.end()
    ears.lost("discord")
    ears.kept("discord")
    with ears.hearing("discord", NOW + timedelta(seconds=20)):
        pass
    await ears.save()
    assert await house.store.heard_until("discord") == NOW + timedelta(seconds=20)
