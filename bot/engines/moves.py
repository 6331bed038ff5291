"""Models come into memory and leave it: one at a time, and never under a running answer."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import TypeVar

import structlog

from bot.engines.aside import aside
from bot.engines.engine import Room
from bot.engines.resident import Resident
from bot.errors import Busy, ModelLoadError, QuipuError

log = structlog.get_logger(__name__)

T = TypeVar("T")


class Moves:
    """Loads and unloads residents. `patience` bounds the wait for one that has to make room.

    A load that failed is not tried again for `retry_after` seconds; one that takes long is logged
    every `progress` seconds.
    """

    def __init__(
        self,
        residents: Collection[Resident],
        *,
        patience: float,
        retry_after: float,
        progress: float,
    ) -> None:
        self._residents = residents
        self._patience = patience
        self._retry_after = retry_after
        self._progress = progress
        self._one = asyncio.Lock()
        self._news = asyncio.Event()

    def tell(self) -> None:
        """Somebody left: whoever waits for that looks again."""
        self._news.set()
        self._news = asyncio.Event()

    async def news(self) -> None:
        """Wait until something has changed."""
        await self._news.wait()

    async def come(self, resident: Resident) -> QuipuError | None:
        """Load a model, unless it is there; what went wrong, if it did."""
        if resident.failure is not None and time.monotonic() < resident.again_at:
            return resident.failure
        return await self._outcome(resident, self._come(resident))

    async def renew(self, resident: Resident) -> QuipuError | None:
        """Unload a model once its answers have ended, and load it again before anybody is let in.

        Returns what went wrong, as `come` does.
        """
        async with self._one, self._drained(resident, patience=None):
            await self._unload(resident, reason="to be loaded anew")
            return await self._outcome(resident, self._bring_in(resident))

    async def leave(self, resident: Resident, *, reason: str) -> None:
        """Unload a model, unless somebody wants it again by now."""
        async with self._one:
            if resident.engine is not None and not resident.busy:
                async with self._drained(resident, patience=None):
                    await self._unload(resident, reason=reason)

    async def end(self) -> None:
        """Unload everything, whoever may still be in."""
        async with self._one:
            for resident in self._residents:
                await self._unload(resident, reason="the program ends")

    async def _come(self, resident: Resident) -> None:
        await self._followed(resident, resident.source.fetch)
        async with self._one:
            await self._bring_in(resident)

    async def _bring_in(self, resident: Resident) -> None:
        if resident.engine is not None:
            return
        await self._make_room(resident)
        resident.engine = await self._followed(resident, resident.source.load)
        resident.failure = None

    async def _outcome(self, resident: Resident, work: Awaitable[None]) -> QuipuError | None:
        try:
            await self._timed(resident, work)
        except Busy as error:
            return error
        except QuipuError as error:
            resident.failure = error
        except Exception as error:  # whatever it was, people wait for an answer
            log.exception("load failed unexpectedly", title=resident.title)
            resident.failure = ModelLoadError(f"unexpected {type(error).__name__}: {error}")
        else:
            return None
        resident.again_at = time.monotonic() + self._retry_after
        return resident.failure

    async def _timed(self, resident: Resident, work: Awaitable[None]) -> None:
        """Note how long the load goes on, and how long it took once it is done."""
        began = resident.began = time.monotonic()
        try:
            await work
            resident.took = time.monotonic() - began
        finally:
            resident.began = None

    async def _make_room(self, resident: Resident) -> None:
        while room := await self._followed(resident, resident.source.room):
            resident.devices = room.devices
            victim = self._victim(room, resident)
            if room.needs <= room.free or room.needs > room.total or victim is None:
                return  # it fits, or unloading cannot help and the load itself says what can
            async with self._drained(victim, patience=self._patience):
                await self._unload(victim, reason=f"to make room for {resident.title}")

    def _victim(self, room: Room, resident: Resident) -> Resident | None:
        """Who has to go: the least recently used one, and an idle one before one in use."""
        others = (
            each
            for each in self._residents
            if each is not resident and each.engine is not None and each.devices & room.devices
        )
        return min(others, key=lambda each: (each.busy, each.used), default=None)

    @asynccontextmanager
    async def _drained(self, resident: Resident, *, patience: float | None) -> AsyncIterator[None]:
        """Let nobody new in and wait for those who are in. Busy if that takes too long."""
        resident.draining = True
        try:
            try:
                async with asyncio.timeout(patience):
                    while resident.users:
                        await self.news()
            except TimeoutError:
                words = f"{resident.title} is in use by {resident.users} answers"
                raise Busy(words, key="conversation.others_busy") from None
            yield
        finally:
            resident.draining = False
            self.tell()

    async def _unload(self, resident: Resident, *, reason: str) -> None:
        engine, resident.engine = resident.engine, None
        if engine is None:
            return
        resident.stay()
        await engine.generator.close()
        del engine  # the last hold on the weights
        await asyncio.to_thread(resident.source.release)
        log.info("model unloaded", title=resident.title, reason=reason)

    async def _followed(self, resident: Resident, step: Callable[[], T]) -> T:
        """The step's result from a thread; a long one says in the log that it goes on."""
        started = time.monotonic()
        task = aside(step)
        while not (await asyncio.wait({task}, timeout=self._progress))[0]:
            seconds = round(time.monotonic() - started)
            log.info("model still loading", title=resident.title, seconds=seconds)
        return task.result()
