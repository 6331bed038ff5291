"""When an edit may go: arithmetic over what Discord reveals of its limits, without any I/O.

Times are seconds of the clock handed in. Nothing here waits; callers ask how long they should.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

Clock = Callable[[], float]

SECOND = 1.0
# Discord allows 50 requests a second. What is sent evenly can arrive bunched, hence the distance.
ANY_PER_SECOND = 42
INTERMEDIATE_PER_SECOND = 34
FLOOR = 0.25
RECOVERY_PER_SECOND = 1 / 300
LATENCY_WEIGHT = 0.2
LONGEST_LATENCY = 5.0
SHORTEST_WAIT = 0.05
MOST_IDLE_BUCKETS = 256


class Share:
    """The part of a limit that we dare to use: halved by a 429, slowly won back."""

    def __init__(self) -> None:
        self._value = 1.0
        self._since = 0.0

    def at(self, now: float) -> float:
        """The share at this moment, between a quarter and the whole."""
        return min(1.0, self._value + (now - self._since) * RECOVERY_PER_SECOND)

    def halve(self, now: float) -> None:
        """Take back half of what is used now."""
        self._value, self._since = max(FLOOR, self.at(now) / 2), now


@dataclass(frozen=True, slots=True)
class Limits:
    """What the headers of one answer said about its bucket."""

    limit: int
    remaining: int
    reset_after: float


class Bucket:
    """The edits of one channel: Discord's window as last revealed, and our replies under it.

    Before the first answer it assumes the five edits in five seconds that Discord usually grants.
    """

    def __init__(self) -> None:
        self.limit = 5
        self.window = 5.0
        self.remaining = 5
        self.resets_at = 0.0
        self.in_flight = 0
        self.replies = 0
        self.last_at = -math.inf
        self.blocked_until = 0.0
        self.share = Share()

    @property
    def reserve(self) -> int:
        """Slots that no intermediate edit takes: one for each open reply's final edit.

        Never the whole window, or replies that crowd one channel would show nothing at all.
        """
        return min(max(1, self.replies), self.limit - 1)

    def free(self, now: float) -> int:
        """Slots left in this window beyond what is on its way."""
        return (self.limit if now >= self.resets_at else self.remaining) - self.in_flight

    def wait(self, now: float) -> float:
        """Seconds until an intermediate edit leaves the reserve untouched."""
        until = self.blocked_until - now
        if self.free(now) > self.reserve:
            return until
        # Nothing left although no window runs: the answers of those on their way will tell.
        return max(until, self.resets_at - now, SHORTEST_WAIT)

    def interval(self, now: float) -> float:
        """The even distance of intermediate edits in this channel."""
        return self.window / max(1, self.limit - self.reserve) / self.share.at(now)

    def learn(self, limits: Limits, resets_at: float) -> None:
        """Take over an answer's headers; answers of one window may come in any order."""
        fresh = resets_at > self.resets_at + self.window / 2
        self.remaining = limits.remaining if fresh else min(self.remaining, limits.remaining)
        self.resets_at = max(self.resets_at, resets_at)
        self.limit = max(1, limits.limit)
        if limits.remaining >= limits.limit - 1 and limits.reset_after > 0:
            self.window = limits.reset_after

    def idle(self, now: float) -> bool:
        """Whether nothing would be forgotten with this bucket."""
        busy = self.replies or self.in_flight or now < max(self.resets_at, self.blocked_until)
        return not busy and self.share.at(now) == 1.0


class Budget:
    """The edits of every open reply: their channels' buckets under one global limit."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self._clock = clock
        self._buckets: dict[int, Bucket] = {}
        self._replies = 0
        self._recent: deque[float] = deque()
        self._blocked_until = 0.0
        self._share = Share()
        self._latency = 0.0

    def opened(self, channel: int) -> None:
        """A reply began in this channel: keep a slot for its final edit."""
        self._forget_idle()
        self._bucket(channel).replies += 1
        self._replies += 1

    def closed(self, channel: int) -> None:
        """The reply that was opened has had its final edit."""
        self._bucket(channel).replies -= 1
        self._replies -= 1

    def pause(self, channel: int) -> float:
        """Seconds until an intermediate edit may go; ask again when they are over."""
        now = self._clock()
        crowded = self._crowded(now, INTERMEDIATE_PER_SECOND)
        bucket = self._bucket(channel)
        paced = bucket.last_at + self._interval(bucket, now) - now
        return max(0.0, crowded, paced, bucket.wait(now))

    def admission(self) -> float:
        """Seconds until any request at all may go; 0 for now."""
        return max(0.0, self._crowded(self._clock(), ANY_PER_SECOND))

    def departed(self, channel: int | None = None) -> None:
        """A request is on its way: an edit in this channel, or anything else."""
        now = self._clock()
        self._recent.append(now)
        if channel is not None:
            bucket = self._bucket(channel)
            bucket.in_flight += 1
            bucket.last_at = now

    def returned(self, channel: int) -> None:
        """An edit has been answered, or will never be."""
        self._bucket(channel).in_flight -= 1

    def learn(self, channel: int, limits: Limits) -> None:
        """Take over what Discord revealed about the edits of a channel."""
        bucket = self._bucket(channel)
        bucket.learn(limits, self._clock() + limits.reset_after)

    def latency(self, seconds: float) -> None:
        """One request took this long on the wire."""
        seconds = min(seconds, LONGEST_LATENCY)
        self._latency += LATENCY_WEIGHT * (seconds - self._latency)

    def refused(self, retry_after: float, channel: int | None = None, *, ours: bool = True) -> None:
        """A 429, for one channel or for all; `ours` if our own requests were too many."""
        now = self._clock()
        if channel is None:
            self._blocked_until = now + retry_after
            self._share.halve(now)
            return
        bucket = self._bucket(channel)
        bucket.blocked_until = now + retry_after
        if ours:
            bucket.share.halve(now)

    def _interval(self, bucket: Bucket, now: float) -> float:
        fair = self._replies / INTERMEDIATE_PER_SECOND / max(1, bucket.replies)
        return max(bucket.interval(now), fair / self._share.at(now), 2 * self._latency)

    def _crowded(self, now: float, most: int) -> float:
        while self._recent and self._recent[0] <= now - SECOND:
            self._recent.popleft()
        allowed = max(1, int(most * self._share.at(now)))
        over = len(self._recent) - allowed
        crowded = self._recent[over] + SECOND - now if over >= 0 else 0.0
        return max(crowded, self._blocked_until - now)

    def _bucket(self, channel: int) -> Bucket:
        return self._buckets.setdefault(channel, Bucket())

    def _forget_idle(self) -> None:
        if len(self._buckets) < MOST_IDLE_BUCKETS:
            return
        now = self._clock()
        self._buckets = {key: one for key, one in self._buckets.items() if not one.idle(now)}
