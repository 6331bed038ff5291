"""What the journal must have is written for certain, however long the database is out of order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import structlog

from bot.errors import OutOfOrder, QuipuError
from bot.ports import Store
from bot.values import Part

log = structlog.get_logger(__name__)

MOMENT = 0.5
"""Seconds for which an answer is held up by the writing down of its text so far, at most."""

LAST = 2.0
"""Seconds at the stop for taking back what was deleted."""

MOST = 1_000
"""Edits and deletions of messages that wait for the database, at most."""

_T = TypeVar("_T")
Work = Callable[[], Awaitable[_T]]


async def surely(store: Store, work: Work[_T], tell: Callable[[], None] | None = None) -> _T:
    """Do what was acknowledged; while the database is out of order, wait, and `tell` of it.

    The work is done again as a whole, so it must bear that.
    """
    while True:
        try:
            return await work()
        except OutOfOrder as error:
            log.debug("waiting for the database", reason=str(error))
            if tell is not None:
                tell()
            await store.well()


class Keeping:
    """The journal of one reply. What only helps is left out while the database is out of order."""

    def __init__(self, store: Store, reply_id: int) -> None:
        self._store = store
        self._reply_id = reply_id
        self._owed: dict[int, Part | None] = {}
        self._beside: asyncio.Task[None] | None = None

    async def part(self, part: Part) -> None:
        """Note a message of the reply; if that cannot be now, then with what is next `kept`."""
        await self._owe(part.index, part)

    async def forget(self, index: int) -> None:
        """Note that a message of the reply was taken back."""
        await self._owe(index, None)

    async def _owe(self, index: int, part: Part | None) -> None:
        self._owed[index] = part
        try:
            await self._pay()
        except OutOfOrder as error:
            log.debug("message noted later", reply=self._reply_id, reason=str(error))

    async def soon(self, work: Coroutine[Any, Any, None]) -> None:
        """Write, but let the answer go on after a moment; left out if one is still being written.

        A locked file would hold the text up for as long as it is waited for.
        """
        if self._beside is not None and not self._beside.done():
            work.close()
            return
        self._beside = asyncio.create_task(self._try(work), name=f"journal {self._reply_id}")
        await asyncio.wait([self._beside], timeout=MOMENT)

    async def kept(self, work: Work[_T], tell: Callable[[], None] | None = None) -> _T:
        """Write what must be there, and before it what is owed. See `surely`."""

        async def all_of_it() -> _T:
            await self._pay()
            return await work()

        await self.written()
        return await surely(self._store, all_of_it, tell)

    async def written(self) -> None:
        """What goes on beside the answer comes to an end."""
        if self._beside is not None:
            await asyncio.wait([self._beside])

    async def _pay(self) -> None:
        for index, part in list(self._owed.items()):
            if part is None:
                await self._store.drop_part(self._reply_id, index)
            else:
                await self._store.save_part(self._reply_id, part)
            if self._owed.get(index) is part:
                self._owed.pop(index, None)

    async def _try(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except QuipuError as error:
            log.debug("text so far not kept", reply=self._reply_id, reason=str(error))


class Afterwards:
    """What people changed on a platform while the database was out of order, done in order."""

    def __init__(self, store: Store, most: int = MOST) -> None:
        self._store = store
        self._most = most
        self._waiting: deque[Work[None]] = deque()
        self._task: asyncio.Task[None] | None = None
        self._beside: set[asyncio.Task[None]] = set()

    async def do(self, work: Work[None]) -> None:
        """Now, or as soon as that is possible; `work` may be tried more than once."""
        if self._task is None:
            try:
                await work()
            except OutOfOrder:
                self._put(work)
        else:
            self._put(work)

    async def settled(self) -> None:
        """Wait until nothing waits: what is answered then knows of it."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def beside(self, name: str, work: Coroutine[Any, Any, object]) -> None:
        """Do what follows on the platform, which may be slow: no answer waits for it."""
        task = asyncio.create_task(_tried(name, work), name=name)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def shown(self) -> None:
        """Wait until the platform has taken everything, too."""
        await self.settled()
        if self._beside:
            await asyncio.wait(self._beside)

    async def close(self) -> None:
        """Give up what still waits; what has begun on the platform has some seconds."""
        if self._beside:
            _, left = await asyncio.wait(self._beside, timeout=LAST)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            log.warning("edits and deletions of messages are lost", count=len(self._waiting))

    def _put(self, work: Work[None]) -> None:
        if len(self._waiting) >= self._most:
            log.warning("an edit or deletion of a message is lost: too many wait")
            return
        self._waiting.append(work)
        if self._task is None:
            self._task = asyncio.create_task(self._work_off(), name="edits and deletions")

    async def _work_off(self) -> None:
        while self._waiting:
            try:
                await surely(self._store, self._waiting[0])
            except QuipuError as error:
                log.error("an edit or deletion of a message failed", reason=str(error))
            except Exception:  # what comes after it must be done all the same
                log.exception("an edit or deletion of a message failed")
            self._waiting.popleft()
        self._task = None


async def _tried(name: str, work: Coroutine[Any, Any, object]) -> None:
    try:
        await work
    except Exception:  # nobody waits for it who could say so
        log.exception("not done beside", name=name)
