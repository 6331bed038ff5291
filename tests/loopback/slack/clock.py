"""The clock of this Slack, which tests can put forward."""

from __future__ import annotations

import time


class Clock:
    """Monotonic time; streams, limits, triggers and links grow old by it."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def now(self) -> float:
        """Seconds, comparable among themselves only."""
        return time.monotonic() + self._ahead

    def advance(self, seconds: float) -> None:
        """Let so much time have passed."""
        self._ahead += seconds
