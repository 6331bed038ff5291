"""A Discord of virtual time: its limits, discord.py's queue, and replies that stream edits."""

from __future__ import annotations

import heapq
import itertools
import random
from collections import Counter, deque
from collections.abc import Generator
from dataclasses import dataclass, field

from adapters.discord.budget import Budget, Limits

Steps = Generator[float, None, None]


@dataclass
class Window:
    """Discord's own count for the edits of one channel."""

    limit: int
    length: float
    used: int = 0
    resets_at: float = 0.0

    def take(self, now: float) -> Limits | None:
        if now >= self.resets_at:
            self.used, self.resets_at = 0, now + self.length
        if self.used >= self.limit:
            return None
        self.used += 1
        return Limits(self.limit, self.limit - self.used, self.resets_at - now)


@dataclass
class Queue:
    """discord.py's own view of the edits of one channel: it holds back what would be refused."""

    limit: int = 1
    remaining: int = 1
    outgoing: int = 0
    expires: float = 0.0

    def hold(self, now: float) -> float:
        if now > self.expires:
            self.remaining = self.limit - self.outgoing
        return max(self.expires - now, 0.01) if self.remaining <= 0 else 0.0

    def leave(self) -> None:
        self.remaining -= 1
        self.outgoing += 1

    def answered(self, limits: Limits, now: float) -> None:
        self.outgoing -= 1
        self.limit = limits.limit
        self.remaining = min(limits.remaining, limits.limit - self.outgoing)
        self.expires = now + limits.reset_after


@dataclass(frozen=True)
class Stream:
    """One reply: where, when it begins and for how long the model writes."""

    channel: int
    start: float
    seconds: float


@dataclass
class Simulation:
    """Plays streams against limits and counts what was refused."""

    seed: int = 0
    limit: int = 5
    window: float = 5.0
    per_second: int = 50
    latency: tuple[float, float] = (0.01, 0.08)
    now: float = 1000.0
    refused: Counter[str] = field(default_factory=Counter)
    shown: Counter[Stream] = field(default_factory=Counter)
    final_lag: dict[Stream, float] = field(default_factory=dict)
    longest_hold: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.budget = Budget(lambda: self.now)
        self._random = random.Random(self.seed)
        self._windows: dict[int, Window] = {}
        self._queues: dict[int, Queue] = {}
        self._recent: deque[float] = deque()

    def play(self, streams: list[Stream]) -> None:
        order = itertools.count()
        begin = self.now
        queue = [(begin + one.start, next(order), self._reply(one)) for one in streams]
        heapq.heapify(queue)
        while queue:
            self.now, _, steps = heapq.heappop(queue)
            wait = next(steps, None)
            if wait is not None:
                heapq.heappush(queue, (self.now + wait, next(order), steps))

    def _reply(self, stream: Stream) -> Steps:
        end = self.now + stream.seconds
        self.budget.opened(stream.channel)
        yield from self._request()
        while self.now < end:
            wait = self.budget.pause(stream.channel)
            if wait > 0:
                yield min(wait, end - self.now)
                continue
            yield from self._edit(stream.channel, "intermediate")
            self.shown[stream] += 1
            yield 0.03
        yield from self._edit(stream.channel, "final")
        self.final_lag[stream] = self.now - end
        self.budget.closed(stream.channel)

    def _request(self) -> Steps:
        yield from self._admitted()
        self.budget.departed()
        yield self._travel()
        self._crowd()
        yield self._travel()

    def _edit(self, channel: int, kind: str) -> Steps:
        yield from self._admitted()
        self.budget.departed(channel)
        queue = self._queues.setdefault(channel, Queue())
        asked = self.now
        while (wait := queue.hold(self.now)) > 0:
            yield wait
        held = self.now - asked
        self.longest_hold[kind] = max(held, self.longest_hold.get(kind, 0.0))
        queue.leave()
        yield self._travel()
        limits = self._server(channel)
        way_back = self._travel()
        yield way_back
        self.budget.latency(way_back)
        if limits is not None:
            queue.answered(limits, self.now)
            self.budget.learn(channel, limits)
        self.budget.returned(channel)

    def _admitted(self) -> Steps:
        while (wait := self.budget.admission()) > 0:
            yield wait

    def _travel(self) -> float:
        return self._random.uniform(*self.latency)

    def _crowd(self) -> None:
        while self._recent and self._recent[0] <= self.now - 1.0:
            self._recent.popleft()
        self._recent.append(self.now)
        if len(self._recent) > self.per_second:
            self.refused["global"] += 1

    def _server(self, channel: int) -> Limits | None:
        self._crowd()
        window = self._windows.setdefault(channel, Window(self.limit, self.window))
        limits = window.take(self.now)
        if limits is None:
            self.refused["channel"] += 1
        return limits
