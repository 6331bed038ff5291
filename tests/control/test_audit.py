"""The list of changes is readable, whatever was changed."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from bot.control.audit import LINES
from bot.control.records import Change
from bot.errors import Refused
from tests.control.conftest import CHANNEL, CHIEF, OWNER, Desk

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize("value", ["", " ", "\n", "\u200b", "\u2800"])
async def test_a_value_in_which_nothing_can_be_seen_is_called_nothing(
    desk: Desk, value: str
) -> None:
    await desk.records.note(Change(NOON, CHIEF, CHANNEL.id, "persona", "Be kind.", value))
    shown = (await desk.use("audit")).text
    assert shown.endswith("persona: `Be kind.` → nothing")


async def test_a_change_of_who_may_talk_says_who_came_and_who_went(desk: Desk) -> None:
    many = [f"person:{number:018}" for number in range(40)]
    lists = {"access": {"allow": [], "deny": many}}
    await desk.records.set_settings(CHANNEL.id, lists, OWNER)
    await desk.use("access deny", arguments={"person": "9" * 18, "role": "`7`"})
    await desk.use("access allow", arguments={"person": "9" * 18})
    await desk.use("access remove", arguments={"person": many[20].removeprefix("person:")})
    changes = [
        line.partition("access: ")[2] for line in (await desk.use("audit")).text.splitlines()
    ]
    nines = "`person:" + "9" * 18 + "`"
    assert changes[1:4] == [
        f"denied: − `{many[20]}`",
        f"allowed: + {nines}; denied: − {nines}",
        f"denied: + {nines}, + `role:'7'`",
    ]
    assert all(f"`{entry}`" in changes[4] for entry in many)


async def test_older_changes_are_on_the_next_page(desk: Desk) -> None:
    for number in range(2 * LINES + 1):
        await desk.records.note(Change(NOON, CHIEF, CHANNEL.id, "seed", None, str(number)))
    shown = await desk.use("audit")
    numbers = []
    while True:
        numbers += re.findall(r"`(\d+)`", shown.text)
        if not shown.buttons:
            break
        shown = await desk.press(shown.buttons[0])
    assert numbers == [str(number) for number in reversed(range(2 * LINES + 1))]
    assert "no older" in (await desk.use("audit", arguments={"page": 4})).text
    with pytest.raises(Refused):
        await desk.use("audit", arguments={"page": 0})


@pytest.mark.parametrize("value", ["{", "[]", "null", "Be kind."])
async def test_lists_that_cannot_be_read_are_shown_as_they_are(desk: Desk, value: str) -> None:
    await desk.records.note(Change(NOON, CHIEF, CHANNEL.id, "access", None, value))
    assert (await desk.use("audit")).text.endswith(f"access: nothing → `{value}`")
