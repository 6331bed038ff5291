"""What is gathered when Prometheus asks, whatever state the parts are in."""

from __future__ import annotations

import asyncio
import time

import pytest

from bot.operation import gathering
from bot.operation.gathering import Gathering
from bot.operation.readiness import Answered
from storage import SqlStore
from tests.conversation.conftest import Build


class Hanging(SqlStore):
    """Its database answers nobody, as behind a line that nobody has cut."""

    async def size(self) -> int | None:
        never = asyncio.get_running_loop().create_future()
        found: int | None = await never
        return found


async def test_a_database_that_hangs_leaves_everything_else_to_be_told(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "PATIENCE", 0.05)
    house = await build()
    asked = Gathering(
        house.engines,
        house.conversations,
        Hanging(house.store.database),
        Answered(time.monotonic),
        lambda: {"discord": True},
        dict,
    )
    figures = await asked.now()
    assert figures.database_bytes is None
    assert figures.platforms == {"discord": True}
    assert figures.tasks > 0
