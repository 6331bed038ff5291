"""Lanes: one queue and one running task for each Place that has something to answer."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Sequence

import structlog

from bot.errors import Busy
from bot.values import Reply, ReplyState

log = structlog.get_logger(__name__)

Answerer = Callable[[Sequence[Reply]], Awaitable[None]]


class Lanes:
    """Hands waiting replies to `answer`, one Place's one after the other, Places side by side.

    Several waiting in a row for one author are handed over together. `limit` bounds how many
    wait at one Place while another is being answered; what was put without bound takes no room.
    """

    def __init__(self, answer: Answerer, *, limit: int) -> None:
        self._answer = answer
        self._limit = limit
        self._waiting: dict[str, deque[Reply]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._held = Counter[int]()
        self._current: dict[str, Reply] = {}
        self._unbounded: set[int] = set()
        self._open = True
        self._ended = asyncio.Event()

    def current(self, place_id: str) -> Reply | None:
        """The reply that is being given at a Place."""
        return self._current.get(place_id)

    def behind(self, place_id: str) -> Reply | None:
        """The first new reply that waits at a Place behind the one being given."""
        current = self._current.get(place_id)
        lane = self._waiting.get(place_id, deque())
        # One older than the current was left over: what came after it is answered already.
        later = (reply for reply in lane if current is None or reply.id > current.id)
        return min(filter(_is_new, later), key=lambda reply: reply.id, default=None)

    def holds(self, reply: Reply) -> bool:
        """Whether this reply waits or is being given."""
        return self._held[reply.id] > 0

    def last(self, place_id: str) -> Reply | None:
        """What waits last at a Place, or else is being given."""
        lane = self._waiting.get(place_id)
        return lane[-1] if lane else self._current.get(place_id)

    def ahead(self, reply: Reply) -> int:
        """How many come before a reply that waits; 0 if it does not wait (any more)."""
        lane = self._waiting.get(reply.place.id, deque())
        before = list(itertools.takewhile(lambda one: one.id != reply.id, lane))
        if len(before) == len(lane):
            return 0
        return len(before) + (reply.place.id in self._current)

    def put(self, reply: Reply, *, bounded: bool = True) -> None:
        """Queue a reply at its Place. Busy if too many wait there already.

        At shutdown nothing new is begun: what is queued then is left to the next start.
        """
        lane = self._waiting.setdefault(reply.place.id, deque())
        if bounded and sum(one.id not in self._unbounded for one in lane) >= self._limit:
            raise Busy(f"{len(lane)} replies wait at {reply.place.id}")
        if not bounded:
            self._unbounded.add(reply.id)
        lane.append(reply)
        self._held[reply.id] += 1
        if self._open and reply.place.id not in self._tasks:
            task = asyncio.create_task(self._run(reply.place.id), name=f"lane {reply.place.id}")
            self._tasks[reply.place.id] = task

    def remove(self, place_id: str, message_id: str) -> Reply | None:
        """Take a waiting reply out of its lane; None if it does not wait (any more)."""
        lane = self._waiting.get(place_id, deque())
        found = next((reply for reply in lane if reply.message_id == message_id), None)
        if found:
            lane.remove(found)
            self._release([found])
        return found

    def _release(self, replies: Sequence[Reply]) -> None:
        ids = [reply.id for reply in replies]
        self._held -= Counter(ids)
        self._unbounded.difference_update(ids)

    @property
    def running(self) -> int:
        """Places at which an answer is being given."""
        return len(self._tasks)

    @property
    def waiting(self) -> int:
        """Replies that wait behind others."""
        return sum(map(len, self._waiting.values()))

    async def settled(self) -> None:
        """Wait until nothing waits and nothing is being given."""
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))

    async def room(self, replies: Sequence[Reply], most: int) -> None:
        """Wait until fewer than `most` of these wait or are being given."""
        while self._open and sum(map(self.holds, replies)) >= most:
            lanes = {reply.place.id for reply in replies if self.holds(reply)}
            running = [task for place, task in self._tasks.items() if place in lanes]
            if not running:
                return
            await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)

    async def release(self, concerned: Callable[[Reply], bool], within: float) -> None:
        """Forget who waits at the Places of these replies; the journal has them.

        What is being given there may go on for `within` seconds, then it is cut off.
        """
        places = [key for key in self._waiting if self._concerns(key, concerned)]
        for key in places:
            self._held -= Counter(reply.id for reply in self._waiting[key])
            self._waiting[key].clear()
        tasks = [self._tasks[key] for key in places if key in self._tasks]
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=within)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)

    def _concerns(self, place_id: str, concerned: Callable[[Reply], bool]) -> bool:
        current = self._current.get(place_id)
        held = [*self._waiting[place_id], *([current] if current else [])]
        return any(map(concerned, held))

    async def over(self, reply_id: int) -> None:
        """Wait until this reply neither waits nor is being given."""
        while self._held[reply_id] > 0:
            await self._ended.wait()

    async def drain(self, deadline: float) -> None:
        """Take nothing new; wait up to `deadline` seconds for what runs, then cancel it."""
        self._open = False
        tasks = list(self._tasks.values())
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=deadline)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late)
            log.warning(
                "answers cut off at shutdown; the next start takes them up", lanes=len(late)
            )

    async def _run(self, place_id: str) -> None:
        lane = self._waiting[place_id]
        try:
            while lane and self._open:
                replies = self._together(lane)
                self._current[place_id] = replies[-1]
                try:
                    await self._answer(replies)
                finally:
                    del self._current[place_id]
                    self._release(replies)
                    self._ended.set()
                    self._ended = asyncio.Event()
        finally:
            del self._tasks[place_id]
            if not lane:
                del self._waiting[place_id]

    @staticmethod
    def _together(lane: deque[Reply]) -> list[Reply]:
        """The first that waits, and those right behind it of the same author.

        A reply that was begun before, or is given again, stays by itself: it has its message.
        """
        replies = [lane.popleft()]
        while lane and all(map(_is_new, (replies[0], lane[0]))):
            if lane[0].author.id != replies[0].author.id:
                break
            replies.append(lane.popleft())
        return replies


def _is_new(reply: Reply) -> bool:
    return reply.state is ReplyState.CLAIMED and not reply.parts
