"""Ids as Slack gives them out: a letter for the kind, and timestamps that name messages."""

from __future__ import annotations

import itertools
import time


class Ids:
    """Never the same id or timestamp twice."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._last = 0
        self.ahead = 0.0
        """Seconds by which Slack's clock is ahead of this machine's."""

    def next(self, kind: str) -> str:
        """An id such as C00000007."""
        return f"{kind}{next(self._numbers):08d}"

    def timestamp(self) -> str:
        """Seconds and microseconds of now, later than every timestamp before."""
        self._last = max(self._last + 1, time.time_ns() // 1000 + int(self.ahead * 1e6))
        return f"{self._last // 1_000_000}.{self._last % 1_000_000:06d}"
