"""How a long transfer shows that it goes on."""

from __future__ import annotations

import threading
from typing import Protocol

import structlog

log = structlog.get_logger(__name__)


class Progress(Protocol):
    """Told of bytes, from several threads."""

    def begin(self, total: int) -> None:
        """How many bytes there will be."""

    def advance(self, size: int) -> None:
        """So many more are here."""


class Logged:
    """A line in the log for every tenth of the way."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._total = 0
        self._done = 0
        self._lock = threading.Lock()

    def begin(self, total: int) -> None:
        self._total = total
        log.info("model_downloading", model=self._name, gigabytes=round(total / 1e9, 2))

    def advance(self, size: int) -> None:
        with self._lock:
            before, self._done = self._done, self._done + size
            total = max(self._total, 1)
            tenths = min(10 * self._done // total, 10)
            if tenths > 10 * before // total:
                log.info("model_downloading", model=self._name, percent=10 * tenths)
