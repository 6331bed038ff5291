"""What a day allows, where it counts, and what is left of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.control.bounds import Bounds
from bot.control.limits import Doorkeeper
from bot.control.place_settings import Limit
from bot.control.response import Given
from bot.control.variables import Heard
from bot.errors import Refused
from bot.values import Place
from tests.control.conftest import ANN, BOB, CHANNEL, CHIEF, DIRECT, OTHER, OWNER, THREAD, Desk
from tests.control.test_people import ALONE, DESKS, admitted, said

ELSEWHERE = Place("discord", "5", "6")


async def refused(desk: Desk, place: Place = CHANNEL) -> str:
    """What Ann is told there."""
    admission = await desk.steering.doorkeeper.admit(said(place=place))
    assert not admission.admitted
    return admission.notice


async def test_a_used_up_day_is_refused_with_when_it_renews(desk: Desk) -> None:
    late = datetime.now(UTC).replace(hour=21, minute=30, second=5)
    door = Doorkeeper(desk.steering.settings, desk.records, Heard(), lambda: late)
    await desk.use("limits", arguments={"person_messages": 2})
    await desk.answered(ANN)
    assert (await door.admit(said())).admitted
    await desk.answered(ANN, THREAD)
    told = await door.admit(said())
    assert (told.admitted, told.reason) == (False, "limits")
    assert "2 messages" in told.notice
    assert "2 h 30 min" in told.notice
    assert (await door.admit(said(BOB))).admitted
    with pytest.raises(Refused) as again:
        await desk.use("regenerate", ANN)
    assert "2 messages" in again.value.notice


async def test_tokens_and_channels_have_limits_of_their_own(desk: Desk) -> None:
    await desk.answered(ANN, THREAD, tokens=95)
    await desk.use("limits", arguments={"channel_tokens": 101, "person_tokens": 100})
    assert "of today" in (await desk.steering.doorkeeper.admit(said())).notice
    assert await admitted(desk, said(BOB))
    await desk.use("limits", arguments={"channel_tokens": 100})
    assert not await admitted(desk, said(BOB))
    assert await admitted(desk, said(BOB, OTHER))


async def test_a_direct_message_narrows_the_workspaces_limits_and_never_lifts_them(
    desk: Desk,
) -> None:
    wide: dict[str, Given] = {"person_messages": 2, "where": "workspace"}
    await desk.use("limits", OWNER, DESKS, wide)
    for more in (0, 3):
        with pytest.raises(Refused) as told:
            await desk.use("limits", CHIEF, ALONE, {"person_messages": more})
        assert "2 at most" in told.value.notice
    settings = desk.steering.settings
    for own, holds in ((1, 1), (2, 2), (3, 2), (0, 2)):  # as set before the workspace's was
        await desk.records.set_settings(ALONE.id, {"person_messages": own}, CHIEF)
        assert min(limit.most for limit in await settings.limits(ALONE)) == holds
    page = (await desk.use("settings", CHIEF, ALONE)).page
    assert page is not None
    items = {item.argument.name: item for _, group in page.groups for item in group}
    shown = items["person_messages"]
    assert (shown.shown, shown.origin) == ("2", "the whole workspace")
    await desk.use("limits", CHIEF, ALONE, {"person_tokens": 7})
    assert Limit("person_tokens", 7, ALONE.id) in await settings.limits(ALONE)


async def test_a_limit_counts_within_what_it_is_set_for(desk: Desk) -> None:
    for place in (DIRECT, DIRECT, OTHER):
        await desk.answered(ANN, place)
    await desk.use("limits", OWNER, ELSEWHERE, {"person_messages": 1, "where": "workspace"})
    await desk.use("limits", arguments={"person_messages": 1})
    assert await admitted(desk, said())
    assert await admitted(desk, said(place=ELSEWHERE))
    usage = (await desk.use("usage", ANN)).text
    assert "Your messages (this channel): 0 of 1 used, 1 left" in usage
    await desk.answered(ANN, replace(ELSEWHERE, channel="another"))
    assert "(the whole workspace)" in await refused(desk, ELSEWHERE)
    assert await admitted(desk, said())


async def test_a_threads_limit_counts_the_thread_and_a_workspaces_each_channel(desk: Desk) -> None:
    await desk.answered(BOB, CHANNEL)
    await desk.use("limits", CHIEF, THREAD, {"channel_messages": 1, "where": "thread"})
    await desk.use("limits", OWNER, OTHER, {"channel_messages": 1, "where": "workspace"})
    assert await admitted(desk, said(place=THREAD))
    assert await admitted(desk, said(place=OTHER))
    assert not await admitted(desk, said())
    await desk.answered(BOB, THREAD)
    assert "messages of this thread" in await refused(desk, THREAD)
    usage = (await desk.use("usage", ANN, THREAD)).text
    assert "Messages in this thread: 1 of 1 used, 0 left" in usage
    assert "Messages in this channel: 2 of 1 used, 0 left" in (await desk.use("usage", ANN)).text


async def test_the_operators_limits_count_everywhere_beside_those_of_a_place(desk: Desk) -> None:
    bounds = Bounds(limits={"person_messages": 3})
    object.__setattr__(desk.steering.settings, "bounds", bounds)
    await desk.use("limits", arguments={"person_messages": 2})
    for place in (DIRECT, ELSEWHERE):
        await desk.answered(ANN, place)
    usage = (await desk.use("usage", ANN)).text
    assert "Your messages (this channel): 0 of 2 used, 2 left" in usage
    assert "Your messages (everywhere): 2 of 3 used, 1 left" in usage
    await desk.answered(ANN)
    assert "(everywhere)" in await refused(desk)


async def test_in_a_direct_message_the_workspaces_limit_counts_beside_ones_own(desk: Desk) -> None:
    wide: dict[str, Given] = {"person_messages": 3, "where": "workspace"}
    await desk.use("limits", OWNER, DESKS, wide)
    await desk.use("limits", CHIEF, ALONE, {"person_messages": 2})
    for place in (DESKS, DESKS, ALONE):
        await desk.answered(ANN, place)
    assert "(the whole workspace)" in await refused(desk, ALONE)


async def test_an_answer_that_is_being_given_counts(desk: Desk) -> None:
    await desk.use("limits", arguments={"person_messages": 1})
    assert await desk.store.claim(said()) is not None
    assert not await admitted(desk, said())


async def test_usage_shows_what_is_left(desk: Desk) -> None:
    await desk.use("limits", arguments={"person_messages": 5})
    await desk.answered(ANN, tokens=10)
    text = (await desk.use("usage", ANN)).text
    assert "Your messages (this channel): 1 of 5 used, 4 left" in text
    assert "Your tokens (everywhere): 15 used, no limit" in text
