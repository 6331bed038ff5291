"""How late the event loop is."""

from __future__ import annotations

import asyncio
import time

import pytest

from bot.operation import lag
from bot.operation.facts import Fact, LoopLagged


async def test_a_loop_that_is_held_up_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lag, "INTERVAL", 0.01)
    seen = asyncio.Queue[float]()

    class Notes:
        def note(self, fact: Fact) -> None:
            assert isinstance(fact, LoopLagged)
            seen.put_nowait(fact.seconds)

    watching = asyncio.create_task(lag.watch_loop(Notes()))
    assert await asyncio.wait_for(seen.get(), 10) >= 0
    time.sleep(0.1)  # noqa: ASYNC251 - this is what it is to notice
    found = [await asyncio.wait_for(seen.get(), 10) for _ in range(2)]
    assert max(found) >= 0.08
    watching.cancel()
    await asyncio.wait({watching})
