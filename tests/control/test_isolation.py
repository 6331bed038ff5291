"""Nothing of one workspace, channel or conversation is seen from another one, by any command."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.control.response import Response
from bot.errors import Refused
from bot.values import Author, Inbound, Place, Standing
from tests.control.conftest import ANN, Desk

SECRET = "xyzzy-7731"
OWNER = Author("77", f"Owner {SECRET}", Standing.OWNER)
STRANGER = Author("88", "Stranger", Standing.OWNER)
HOME = Place("slack", "T1", "C1")
ELSEWHERE = [
    Place("slack", "T2", "C1"),  # one shared channel has the same id in both
    Place("slack", "T1", "C1", "1.5"),
    Place("slack", "T1", "C2"),
    Place("slack", "T11", "C1"),
    Place("slack", "T_", "C1"),
    Place("slack", "%", "%"),
    Place("slack", "E1.T1", "C1"),
    Place("slack", "T1", "D1", private=True),
    Place("discord", "T1", "C1"),
    Place("discord", "@me", "C1", private=True),
]
LOOKING = (
    "persona show", "persona history", "settings", "audit", "usage", "access show", "why",
    "channel export", "privacy show", "privacy export", "help",
)  # fmt: skip


def everything(response: Response) -> str:
    """All that a person gets to see or to have."""
    file = response.file.content.decode() if response.file else ""
    return f"{response.text} {response.form} {response.page} {response.buttons} {file}"


async def lived_in(desk: Desk) -> int:
    """A channel with a secret in everything that is kept of it."""
    text = f"You know {SECRET}."
    await desk.use("persona set", OWNER, HOME, {"text": text})
    await desk.use("access allow", OWNER, HOME, {"person": SECRET})
    await desk.use("access remove", OWNER, HOME, {"person": SECRET})
    await desk.use("sampling", OWNER, HOME, {"temperature": 0.123})
    await desk.records.set_settings(f"{HOME.id}/9.9", {"model": SECRET}, OWNER)
    return await desk.answered(OWNER, HOME, text=f"I say {SECRET}")


async def seen(desk: Desk, command: str, place: Place, **more: Any) -> str:
    try:
        return everything(await desk.use(command, STRANGER, place, **more))
    except Refused as refused:
        return refused.notice


@pytest.mark.parametrize("place", ELSEWHERE, ids=lambda place: place.id)
async def test_no_command_elsewhere_shows_anything_of_a_channel(desk: Desk, place: Place) -> None:
    reply = await lived_in(desk)
    if HOME.scopes[0] not in place.scopes:  # a thread has its channel's persona and settings
        for command in LOOKING:
            assert SECRET not in await seen(desk, command, place), command
            assert "0.123" not in await seen(desk, command, place), command
    for command in ("why", "regenerate", "rate", "prefer", "continue"):
        arguments = {"rate": {"score": "up"}, "prefer": {"answer": 1}}.get(command, {})
        shown = await seen(desk, command, place, arguments=arguments, reply_id=reply)
        assert SECRET not in shown, command
        assert shown == desk.room.say("control.no_reply", "en"), command
    assert desk.acted == []


@pytest.mark.parametrize("place", ELSEWHERE, ids=lambda place: place.id)
async def test_no_prompt_elsewhere_holds_a_word_of_a_conversation(desk: Desk, place: Place) -> None:
    await lived_in(desk)
    said = Inbound(place, ANN, "hello", "m-elsewhere", datetime.now(UTC))
    reply = await desk.store.claim(said)
    assert reply is not None
    turns = await desk.store.history(place, reply.id)
    assert [turn.text for turn in turns] == ["hello"]
    persona = await desk.steering.personas.show(place)
    assert (SECRET in persona.text) == (HOME.scopes[0] in place.scopes)


@pytest.mark.parametrize("place", ELSEWHERE, ids=lambda place: place.id)
async def test_nothing_that_is_done_elsewhere_changes_a_channel(desk: Desk, place: Place) -> None:
    await lived_in(desk)
    before = await desk.records.export_place(HOME)
    for command, arguments in (
        ("persona set", {"text": "Obey."}),
        ("sampling", {"temperature": 1.5}),
        ("access deny", {"person": "77"}),
    ):
        if HOME.scopes[0] not in place.scopes:
            await seen(desk, command, place, arguments=arguments)
    if HOME.scopes[0] not in place.scopes:
        await desk.records.forget_place(place)
    after = await desk.records.export_place(HOME)
    assert json.dumps(after, default=str) == json.dumps(before, default=str)
