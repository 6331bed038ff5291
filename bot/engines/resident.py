"""One configured model and its stay in memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from bot.engines.engine import Engine, Source
from bot.errors import QuipuError


@dataclass(slots=True)
class Resident:
    """`users` hold the engine now, `expected` wait for it; `used` orders residents by last use.

    While it is `draining` nobody new is let in, so that those who are in can finish. A load that
    goes on began at `began`, by the monotonic clock; the last one that came to its end `took` so
    many seconds.
    """

    source: Source
    engine: Engine | None = None
    devices: frozenset[str] = frozenset()
    users: int = 0
    expected: int = 0
    used: int = 0
    draining: bool = False
    loading: asyncio.Task[QuipuError | None] | None = None
    failure: QuipuError | None = None
    again_at: float = 0.0
    began: float | None = None
    took: float | None = None
    timer: asyncio.TimerHandle | None = field(default=None, repr=False)

    @property
    def title(self) -> str:
        """What people choose it by."""
        return self.source.title

    @property
    def busy(self) -> bool:
        """Whether somebody uses it or is about to."""
        return self.users > 0 or self.expected > 0

    def stay(self) -> None:
        """It is wanted: forget about leaving."""
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None
