"""What was seen lately: a mapping that forgets the oldest and the outdated."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Remembers up to `most` values, each for `seconds`."""

    def __init__(
        self, most: int, seconds: float, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._seconds = seconds
        self._clock = clock
        self._values: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def __contains__(self, key: K) -> bool:
        return self._fresh(key) is not None

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> V | None:
        """The value, unless it was forgotten."""
        found = self._fresh(key)
        return found[1] if found else None

    def put(self, key: K, value: V) -> None:
        """Remember a value from now on."""
        self._values[key] = (self._clock() + self._seconds, value)
        self._values.move_to_end(key)
        while len(self._values) > self._most:
            self._values.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forget a value before its time."""
        self._values.pop(key, None)

    def _fresh(self, key: K) -> tuple[float, V] | None:
        found = self._values.get(key)
        if found is None or found[0] > self._clock():
            return found
        del self._values[key]
        return None


TakenBack = Recent[tuple[str, str, str], bool]
"""Messages (workspace, channel, timestamp) that the bot itself deletes: Slack tells of that as if
anybody had."""


def taken_back() -> TakenBack:
    """None yet."""
    return Recent(10_000, 3600.0)
