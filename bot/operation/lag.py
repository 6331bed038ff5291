"""How late the event loop is: everything that people feel goes through it."""

from __future__ import annotations

import asyncio

from bot.operation.facts import LoopLagged, Observer

INTERVAL = 0.5
"""Seconds between two looks; a loop that is held up for longer is seen as soon as it is free."""


async def watch_loop(observer: Observer) -> None:
    """Tell again and again how much later than asked the loop came back."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + INTERVAL
        await asyncio.sleep(INTERVAL)
        observer.note(LoopLagged(max(0.0, loop.time() - due)))
