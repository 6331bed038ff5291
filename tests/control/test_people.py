"""Access, limits, privacy, help and what a day allows."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from bot.control.authority import Access
from bot.control.bounds import Bounds
from bot.control.commands import COMMANDS
from bot.control.declarations import Level
from bot.control.place_settings import ACCESS
from bot.control.records import Admission
from bot.control.response import Given
from bot.errors import Forbidden, Refused
from bot.values import Author, Inbound, Place
from tests.control.conftest import (
    ANN,
    BOB,
    CHANNEL,
    CHIEF,
    DIRECT,
    OTHER,
    OWNER,
    ROBOT,
    THREAD,
    Desk,
)

DESKS = Place("slack", "T1", "C1")
ALONE = Place("slack", "T1", "D1", private=True)


def said(author: Author = ANN, place: Place = CHANNEL, *, mentioned: bool = True) -> Inbound:
    return Inbound(place, author, "hi", "1", datetime.now(UTC), mentioned)


async def admitted(desk: Desk, inbound: Inbound) -> bool:
    return (await desk.steering.doorkeeper.admit(inbound)).admitted


@pytest.mark.parametrize(
    ("when", "mentioned", "answered"),
    [
        ("mention", True, True),
        ("mention", False, False),
        ("always", False, True),
        ("always", True, True),
        ("never", True, False),
        ("never", False, False),
    ],
)
async def test_who_is_answered_when(
    desk: Desk, when: str, *, mentioned: bool, answered: bool
) -> None:
    await desk.use("answers", arguments={"when": when})
    assert await admitted(desk, said(mentioned=mentioned)) == answered
    assert await admitted(desk, said(place=THREAD, mentioned=mentioned)) == answered
    assert await admitted(desk, said(place=DIRECT))


async def test_other_bots_are_answered_where_that_is_wanted(desk: Desk) -> None:
    assert not await admitted(desk, said(ROBOT))
    await desk.use("answers", arguments={"bots": "yes"})
    assert await admitted(desk, said(ROBOT))


async def test_a_person_on_the_deny_list_is_told_once_they_turn_to_the_bot(desk: Desk) -> None:
    await desk.use("access deny", arguments={"person": ANN.id})
    refused = await desk.steering.doorkeeper.admit(said())
    assert (refused.admitted, refused.reason) == (False, "access")
    assert refused.notice
    await desk.use("answers", arguments={"when": "always"})
    silent = await desk.steering.doorkeeper.admit(said(mentioned=False))
    assert silent == Admission(False, reason="access")
    assert await admitted(desk, said(BOB))
    assert await admitted(desk, said(place=OTHER))
    with pytest.raises(Forbidden):
        await desk.use("usage", ANN)
    assert (await desk.use("privacy show", ANN)).text
    await desk.use("access remove", arguments={"person": ANN.id})
    assert await admitted(desk, said())
    assert len(await desk.audit()) == 3


async def test_an_allow_list_of_roles_lets_only_them_in(desk: Desk) -> None:
    await desk.use("access allow", OWNER, arguments={"role": "5", "where": "workspace"})
    assert await admitted(desk, said(Author("3", "Cy", roles=("4", "5")), OTHER))
    assert not await admitted(desk, said())
    assert not await admitted(desk, said(CHIEF))
    with pytest.raises(Forbidden):
        await desk.use("access show", CHIEF)
    assert (await desk.use("access show", OWNER)).text.count("role:5") == 1


async def test_channels_are_listed_for_the_workspace(desk: Desk) -> None:
    with pytest.raises(Refused):
        await desk.use("access allow", OWNER, arguments={"channel": "2"})
    await desk.use("access allow", OWNER, arguments={"channel": "2", "where": "workspace"})
    assert await admitted(desk, said(place=THREAD))
    assert not await admitted(desk, said(place=OTHER))


async def test_a_thread_can_be_listed_by_itself(desk: Desk) -> None:
    thread: dict[str, Given] = {"channel": THREAD.thread, "where": "workspace"}
    await desk.use("access deny", OWNER, arguments=thread)
    assert not await admitted(desk, said(place=THREAD))
    assert await admitted(desk, said())


@pytest.mark.parametrize("place", [DESKS, ALONE], ids=["a channel", "a direct message"])
async def test_a_list_of_the_workspace_locks_out_who_manages_less_than_that(
    desk: Desk, place: Place
) -> None:
    await desk.answered(CHIEF, place)
    denied: dict[str, Given] = {"person": CHIEF.id, "where": "workspace"}
    await desk.use("access deny", OWNER, DESKS, denied)
    for command in ("regenerate", "settings"):
        with pytest.raises(Forbidden):
            await desk.use(command, CHIEF, place)
    assert (await desk.use("privacy show", CHIEF, place)).text
    await desk.use("access deny", OWNER, DESKS, {"person": OWNER.id, "where": "workspace"})
    assert (await desk.use("settings", OWNER, place)).page is not None


@pytest.mark.parametrize("scope", [CHANNEL.id, THREAD.id])
async def test_a_list_of_a_channel_or_thread_does_not_lock_its_admins_out(
    desk: Desk, scope: str
) -> None:
    lists = {"allow": [], "deny": [f"person:{who.id}" for who in (ANN, CHIEF)]}
    await desk.records.set_settings(scope, {ACCESS: lists}, OWNER)
    assert (await desk.use("settings", CHIEF, THREAD)).page is not None
    with pytest.raises(Forbidden):
        await desk.use("usage", ANN, THREAD)


async def test_naming_nobody_is_refused(desk: Desk) -> None:
    with pytest.raises(Refused):
        await desk.use("access deny")


async def test_allowing_twice_is_told(desk: Desk) -> None:
    given: dict[str, Given] = {"person": "7"}
    await desk.use("access allow", arguments=given)
    assert "already" in (await desk.use("access allow", arguments=given)).text


async def test_the_configuration_goes_before_every_list(desk: Desk) -> None:
    access = Access(deny=("person:7", f"discord:person:{CHIEF.id}", f"slack:person:{BOB.id}"))
    object.__setattr__(desk.steering.settings, "bounds", Bounds(access=access))
    await desk.use("access allow", OWNER, arguments={"person": ANN.id})
    assert not await admitted(desk, said())
    assert await admitted(desk, said(OWNER)) is False, "an allow list names ANN alone"
    await desk.use("access remove", OWNER, arguments={"person": ANN.id})
    assert await admitted(desk, said(BOB))
    with pytest.raises(Forbidden):
        await desk.use("settings", CHIEF)


def test_lists_of_one_platform_hold_there_alone() -> None:
    bounds = Bounds(access=Access(("discord:person:1", "person:2"), ("slack:role:3",)))
    assert bounds.access_on("discord") == Access(("person:1", "person:2"), ())
    assert bounds.access_on("slack") == Access(("person:2",), ("role:3",))


async def test_help_fits_the_role_and_the_platform(desk: Desk) -> None:
    everyone = (await desk.use("help", ANN, prefix="/quipu ")).text
    admins = (await desk.use("help", CHIEF, prefix="/")).text
    for command in COMMANDS:
        assert (f"`/quipu {command.name}`" in everyone) == (command.level is not Level.ADMIN)
        assert f"`/{command.name}`" in admins


async def test_help_tells_more_about_one_command(desk: Desk) -> None:
    text = (await desk.use("help", CHIEF, arguments={"command": "/sampling"})).text
    assert "0–5" in text
    assert "`temperature`" in text
    assert "Only people who manage" not in text
    told = (await desk.use("help", ANN, arguments={"command": "sampling"})).text
    assert told == f"{text}\nOnly people who manage this channel can use `sampling`."


async def test_a_command_that_is_nearly_right_is_told_what_would_be(desk: Desk) -> None:
    with pytest.raises(Refused) as refused:
        await desk.use("help", ANN, arguments={"command": "regenarate"}, prefix="/quipu ")
    assert "`/quipu regenerate`" in refused.value.notice
    with pytest.raises(Refused) as refused:
        await desk.use("help", ANN, arguments={"command": "xyz"}, prefix="/quipu ")
    assert refused.value.notice.count("`/quipu ") == 1  # just where to look


async def test_a_person_sees_and_gets_what_is_kept(desk: Desk) -> None:
    await desk.answered(ANN, text="my words")
    await desk.answered(BOB, text="his words")
    shown = await desk.use("privacy show", ANN)
    assert "messages 1 (places: 1)" in shown.text
    assert [button.command[-1] for button in shown.buttons] == ["export", "feedback", "delete"]
    file = (await desk.press(shown.buttons[0], ANN)).file
    assert file is not None
    assert b"my words" in file.content
    assert b"his words" not in file.content
    assert json.loads(file.content)["person"] == ANN.id


async def test_a_person_is_deleted_once_they_are_sure(desk: Desk) -> None:
    await desk.answered(ANN, text="my words")
    delete = (await desk.use("privacy show", ANN)).buttons[-1]
    yes, _ = (await desk.press(delete, ANN)).buttons
    assert (await desk.records.stored("discord", ANN.id)).messages == 1
    await desk.press(yes, ANN)
    assert (await desk.records.stored("discord", ANN.id)).messages == 0
    assert "I keep nothing" in (await desk.use("privacy show", ANN)).text


async def test_who_wrote_a_persona_is_told_beforehand_that_it_goes(desk: Desk) -> None:
    await desk.use("persona set", arguments={"text": "You are a raven."})
    question = await desk.use("privacy delete")
    assert "Places where they are in force now: 1." in question.text
    assert "now have what they inherit: 1." in (await desk.press(question.buttons[0])).text
    assert "from my configuration" in (await desk.use("persona show")).text
    assert "deleted with what its author had said" in (await desk.use("persona history")).text
    assert "in force" not in (await desk.use("privacy delete")).text


async def test_a_person_sees_which_language_is_kept(desk: Desk) -> None:
    assert "language" not in (await desk.use("privacy show", ANN)).text
    await desk.records.keep_locale("discord", ANN.id, "fr")
    assert "told me: fr." in (await desk.use("privacy show", ANN)).text


async def test_who_is_on_a_list_is_told_so(desk: Desk) -> None:
    await desk.use("access deny", arguments={"person": ANN.id})
    await desk.use("access deny", OWNER, arguments={"person": ANN.id, "where": "workspace"})
    assert "name you: 2." in (await desk.use("privacy show", ANN)).text
    assert "name you" not in (await desk.use("privacy show", BOB)).text


async def test_feedback_is_used_unless_somebody_says_no(desk: Desk) -> None:
    button = (await desk.use("privacy show", ANN)).buttons[1]
    assert "not used" in (await desk.press(button, ANN)).text
    assert not (await desk.records.stored("discord", ANN.id)).feedback_use
    delete = (await desk.use("privacy show", ANN)).buttons[-1]
    yes, _ = (await desk.press(delete, ANN)).buttons
    assert "stays so" in (await desk.press(yes, ANN)).text
    assert "not used" in (await desk.use("privacy show", ANN)).text


async def test_who_is_deleted_has_no_more_left_of_the_day(desk: Desk) -> None:
    await desk.use("limits", arguments={"person_messages": 1})
    await desk.answered(ANN)
    delete = (await desk.use("privacy show", ANN)).buttons[-1]
    yes, _ = (await desk.press(delete, ANN)).buttons
    assert "00:00 UTC" in (await desk.press(yes, ANN)).text
    assert not await admitted(desk, said())
    assert "1 of 1 used" in (await desk.use("usage", ANN)).text


async def test_a_channel_is_exported_for_who_asks(desk: Desk) -> None:
    await desk.answered(ANN, THREAD, text="in the thread")
    await desk.answered(ANN, OTHER, text="elsewhere")
    file = (await desk.use("channel export")).file
    assert file is not None
    assert b"in the thread" in file.content
    assert b"elsewhere" not in file.content
