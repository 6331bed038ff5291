"""Snowflakes: ids that grow with time, as Discord gives them out."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

EPOCH_MS = 1_420_070_400_000


class Snowflakes:
    """Ids in strictly rising order; the time of creation can be read from them."""

    def __init__(self) -> None:
        self._last = 0
        self.ahead = 0.0
        """Seconds by which Discord's clock is ahead of this machine's."""

    def skip(self, span: timedelta) -> None:
        """Let so much time pass before the next id."""
        self._last = max(self._last, self._by_clock()) + (int(span.total_seconds() * 1000) << 22)

    def next(self) -> int:
        """A new id, larger than every id before."""
        self._last = max(self._by_clock(), self._last + 1)
        return self._last

    def _by_clock(self) -> int:
        return (int((time.time() + self.ahead) * 1000) - EPOCH_MS) << 22


def created_at(snowflake: int) -> datetime:
    """The moment an id was given out."""
    return datetime.fromtimestamp(((snowflake >> 22) + EPOCH_MS) / 1000, UTC)
