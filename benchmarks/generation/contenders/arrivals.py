"""Requests that come in their time on an event loop whose pulse is taken. Standard library only."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Self

from benchmarks.generation.loads import Load, Served, Trace

TICK = 0.002
Mark = Callable[[Sequence[int]], None]
"""Takes the tokens of an answer that are new."""
Answering = Callable[[int, Mark], Awaitable[None]]
"""Answers the load's request of this number."""


class Pulse:
    """Ticks while it is held; `longest` is how late a tick came at worst, in seconds."""

    def __init__(self) -> None:
        self.longest = 0.0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._tick())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    async def _tick(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(TICK)
            self.longest = max(self.longest, time.perf_counter() - before - TICK)


async def serve(load: Load, answer: Answering) -> Served:
    """Every request at its time, all of them side by side."""
    traces = [Trace(ask.at) for ask in load.asks]
    began = time.perf_counter()

    async def one(number: int) -> None:
        def mark(tokens: Sequence[int]) -> None:
            traces[number].times += [time.perf_counter() - began] * len(tokens)
            traces[number].tokens += tokens

        await asyncio.sleep(began + load.asks[number].at - time.perf_counter())
        await answer(number, mark)

    async with Pulse() as pulse, asyncio.TaskGroup() as tasks:
        for number in range(len(load.asks)):
            tasks.create_task(one(number))
    return Served(traces, pulse.longest)
