"""Whether a database can be used at all: one alarm when it cannot, and one when it can again.

While it is out of order nobody waits for it in vain: what would write is refused at once, and one
probe looks again and again whether that still holds.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextvars import Context

import structlog

from bot.errors import OutOfOrder, StorageError

log = structlog.get_logger(__name__)

AGAIN = 1.0
"""Seconds between two looks at a database that is out of order."""

MEANWHILE = (
    "messages are declined with a sentence; answers that were begun wait, and are in the journal"
)
FOR_GOOD = "nothing is written to it any more, so that it does not get worse"


class Health:
    """Told of every failure by the database; `probe` writes something, and raises if it cannot."""

    def __init__(self, probe: Callable[[], Awaitable[None]], again: float = AGAIN) -> None:
        self._probe = probe
        self._again = again
        self._trouble: OutOfOrder | None = None
        self._since = 0.0
        self._refused = 0
        self._well = asyncio.Event()
        self._well.set()
        self._watch: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    @property
    def trouble(self) -> OutOfOrder | None:
        """Why the database cannot be written to now; None if it can, as far as is known."""
        return self._trouble

    def refuse(self) -> None:
        """Raise the trouble there is, if there is any."""
        if self._trouble is not None:
            self._refused += 1
            raise self._trouble.again()

    async def well(self) -> None:
        """Wait until the database can be used."""
        await self._well.wait()

    def failed(self, error: OutOfOrder) -> None:
        """A transaction met this. Only the first one is an alarm; a lasting trouble stays."""
        known = self._trouble
        if known is not None and (known.lasting or not error.lasting):
            return
        self._trouble = error
        self._since = self._since if known else time.monotonic()
        self._well.clear()
        # The alarm is about everybody's messages, and carries nobody's.
        Context().run(self._alarm, error)
        if self._watch is None and not error.lasting:
            self._watch = asyncio.create_task(
                self._look_again(), name="database probe", context=Context()
            )

    async def close(self) -> None:
        """Look no more. A look that has begun comes to its end: it holds a connection."""
        self._closing.set()
        if self._watch is not None:
            await asyncio.wait([self._watch])

    def _alarm(self, error: OutOfOrder) -> None:
        log.error(
            "the database is out of order",
            reason=str(error),
            meanwhile=FOR_GOOD if error.lasting else MEANWHILE,
            mend=error.mend or "see `quipu doctor`",
        )

    async def _look_again(self) -> None:
        while self._trouble is not None and not self._trouble.lasting:
            if await self._closed_within(self._again):
                return
            try:
                await self._probe()
            except StorageError as error:
                # Some faults end the transaction, and what follows complains of something else.
                log.debug("the database is still out of order", reason=str(error))
                if isinstance(error, OutOfOrder) and error.lasting:
                    self.failed(error)
            else:
                self._works_again()

    async def _closed_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._closing.wait()
        except TimeoutError:
            return False

    def _works_again(self) -> None:
        seconds = round(time.monotonic() - self._since, 1)
        # A warning, so that whoever is shown the alarm is shown its end.
        log.warning("the database works again", seconds=seconds, refused=self._refused)
        self._trouble, self._watch, self._refused = None, None, 0
        self._well.set()
