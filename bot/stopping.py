"""Asked to stop: in order and within a deadline, at once when asked twice, and never later."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NoReturn

import structlog

from bot.errors import GeneratorLost

log = structlog.get_logger(__name__)

STOPPED_AT_ONCE = 130
START_AGAIN = 75
"""Exit code that asks whoever watches the process to start it again (EX_TEMPFAIL)."""

GRACE = 15.0
"""Seconds after the deadline in which everything is closed; what hangs then is left."""

UNWAITED = ("generation", "loading")
"""Threads that may compute for a long time, or hang: the end of the process does not wait."""


class Stopping:
    """Asked to stop by a signal, or because a model is lost; a second signal ends the process.

    Once `listen` was called, the process is gone `grace` seconds after the deadline at the latest,
    whatever hangs. Nothing is lost: what is not finished is in the journal.
    """

    def __init__(self, deadline: float, *, grace: float = GRACE) -> None:
        self.asked = asyncio.Event()
        self.deadline = deadline
        self.lost: GeneratorLost | None = None
        self._grace = grace
        self._listens = False
        self._starting: asyncio.Timeout | None = None

    def listen(self) -> None:
        """Take over SIGTERM and SIGINT in the running event loop."""
        self._listens = True
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)

    def stop(self) -> None:
        """Ask for an orderly stop, as a signal does."""
        if self.asked.is_set():
            return
        self.asked.set()
        if self._starting is not None:
            self._starting.reschedule(0.0)
        if self._listens:
            late = self.deadline + self._grace
            _after(late, lambda: log.critical("stop_overdue", seconds=late))
            _after(late + 1, lambda: os._exit(STOPPED_AT_ONCE))  # should even the log hang

    def start_again(self, error: GeneratorLost) -> None:
        """Stop at once, so that a new process can take up what the journal holds."""
        self.lost = self.lost or error
        self.deadline = 0.0
        self.stop()

    @asynccontextmanager
    async def starting(self) -> AsyncIterator[None]:
        """What is done before there is anything to finish: TimeoutError when asked to stop."""
        async with asyncio.timeout(0.0 if self.asked.is_set() else None) as self._starting:
            yield
        self._starting = None

    def _on_signal(self) -> None:
        if self.asked.is_set():
            # Asked twice. The journal has everything; the next start takes it up.
            os._exit(STOPPED_AT_ONCE)
        self.stop()


def leave(code: int) -> NoReturn:
    """End the process; a thread that loads a model or hangs is not waited for."""
    if any(thread.name in UNWAITED for thread in threading.enumerate()):
        # It would be waited for, or abort the process when the interpreter goes from under it.
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
        os._exit(code)
    sys.exit(code)


def _after(seconds: float, act: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, act)
    timer.daemon = True
    timer.start()
