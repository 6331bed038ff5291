"""How tests wait for something to become true: woken by every change, never by a clock."""

# ruff: noqa: ASYNC109 - tests say how long they are ready to wait

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 30.0
"""Seconds that a test waits for something before it is said not to come; machines may be slow."""
T = TypeVar("T")


class Changes:
    """Everything that alters the world announces it here."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()

    def announce(self) -> None:
        """Wake everybody who waits, so that they look again."""
        waiting, self._waiting = self._waiting, set()
        for future in waiting:
            if not future.done():
                future.set_result(None)

    async def until(
        self, look: Callable[[], T | None], timeout: float, describe: Callable[[], str]
    ) -> T:
        """What `look` returns once that is truthy. TimeoutError says what was there instead."""
        try:
            async with asyncio.timeout(timeout):
                while not (found := look()):
                    await self._next()
        except TimeoutError:
            raise TimeoutError(f"not within {timeout} s; there was: {describe()}") from None
        return found

    async def _next(self) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.add(future)
        try:
            await future
        finally:
            self._waiting.discard(future)
