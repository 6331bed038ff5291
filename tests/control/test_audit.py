"""The list of changes is readable, whatever was changed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.control.records import Change
from tests.control.conftest import CHANNEL, CHIEF, Desk

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize("value", ["", " ", "\n", "\u200b", "\u2800"])
async def test_a_value_in_which_nothing_can_be_seen_is_called_nothing(
    desk: Desk, value: str
) -> None:
    await desk.records.note(Change(NOON, CHIEF, CHANNEL.id, "persona", "Be kind.", value))
    shown = (await desk.use("audit")).text
    assert shown.endswith("persona: `Be kind.` → nothing")
