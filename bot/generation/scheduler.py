"""What the model computes next: who is admitted, and how many tokens each has in a step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import structlog

from bot.errors import GenerationError
from bot.generation.attention import Span
from bot.generation.fairness import FairQueue
from bot.generation.memory.key_value import KeyValueMemory
from bot.generation.pace import Pace
from bot.generation.prefixes import Match, Slot, Slots
from bot.generation.request import Request
from bot.values import FinishReason

log = structlog.get_logger(__name__)

HEADROOM = 32
"""Tokens beyond its prompt that must fit when a request is admitted."""

Ending = FinishReason | GenerationError


@dataclass(frozen=True, slots=True)
class Work:
    """`count` tokens of one request; `samples` if its next token comes out of them."""

    request: Request
    count: int
    samples: bool

    @property
    def span(self) -> Span:
        """The same as the memory sees it; ValueError unless the request was admitted."""
        return Span(_slot(self.request), self.request.computed, self.count)


@dataclass(frozen=True, slots=True)
class Output:
    """What a step gave one request: new text tokens, and its ending if it has come to one."""

    request: Request
    tokens: tuple[int, ...]
    ending: Ending | None = None


class Scheduler:
    """Admits requests as there is room, and shares each step's tokens among them.

    A running answer gets its one token in every step. What the pace allows beside them goes to
    prompts: half to the one admitted first, so that it is never starved, the rest to the shortest.

    When memory runs out, retained conversations are given up one by one, least recently used
    first; then the youngest answer is put back and computed again later. `share` bounds the prompt
    tokens of a step for as long as an answer for which even that was too much is running.
    """

    def __init__(
        self, slots: Slots, memory: KeyValueMemory, pace: Pace, *, max_running: int, context: int
    ) -> None:
        self.running: list[Request] = []
        self.waiting = FairQueue()
        self.slots = slots
        self.pace = pace
        self.preempted = 0
        self.share: int | None = None
        self._memory = memory
        self._context = context
        self._most = min(max_running, len(slots))
        self._limit = self._most

    @property
    def busy(self) -> bool:
        """Whether there is anything to compute."""
        return bool(self.running or self.waiting)

    def plan(self) -> tuple[Work, ...]:
        """The next step: admit who can be, divide the tokens, and see that all of them fit."""
        while len(self.running) < self._limit and (request := self.waiting.next):
            if not self._admit(request):
                break
        work = self._work()
        while self._memory.room < sum(map(self._cost, work)):
            self._give_up_something()
            work = self._work()
        self._reserve(work)
        return work

    def advance(self, work: Sequence[Work], tokens: Sequence[int | None]) -> list[Output]:
        """Take what the model gave for the work: a token, or None where it gave no number."""
        pairs = zip(work, tokens, strict=True)
        return [output for one, token in pairs if (output := self._advance(one, token))]

    def add(self, request: Request) -> None:
        """Let the request wait for its turn."""
        self.waiting.add(request)

    def end(self, request: Request) -> None:
        """The request is over, for whatever reason: what it holds is retained."""
        if request not in self.running:
            self.waiting.remove(request)
            return
        self.running.remove(request)
        self._release(request)
        self.share = None
        self._limit = min(self._most, self._limit + 1)

    def forget(self, *, shrink: bool = False) -> None:
        """Drop all keys and values, and allow less of them from now on if so said.

        Running requests are computed again.
        """
        if shrink:
            self._memory.shrink()
        else:
            self._memory.clear()
        self.slots.forget()

    def clear(self) -> None:
        """Drop every request; for when nothing of the state can be trusted."""
        self.running = []
        self.waiting = FairQueue()
        self.slots = Slots(len(self.slots))
        self.share = None
        self._limit = self._most
        self._memory.clear()

    def one_by_one(self) -> None:
        """Admit one request only, and one more with each that ends: somebody breaks the steps."""
        self._limit = 1

    def number(self) -> None:
        """Tell each request its place in the queue, and how long that will take."""
        for request in self.running:
            request.waiting = 0
        for place, request in enumerate(self.waiting, start=1):
            request.waiting = place
        self.pace.foretell(self.running, self.waiting, seats=self._limit)

    def put_back_youngest(self) -> None:
        """Too little memory: the last admitted waits until another one has ended."""
        request = self.running.pop()
        request.computed = 0
        self._release(request)
        self.waiting.put_back(request)
        self._limit = max(1, len(self.running))
        self.preempted += 1
        request.context.run(log.info, "generation_put_back", tokens=len(request.tokens))

    def _admit(self, request: Request) -> bool:
        """Begin with the request, giving up what nobody uses if that makes the room for it."""
        length = min(len(request.tokens) + HEADROOM, self._context)
        match = self.slots.match(request)
        while not self._room_for(match, length):
            if self.running and not self._would_fit(request, length):
                return False
            if not self._evict((match.own, match.source)):
                self._evict()
            match = self.slots.match(request)
        self.waiting.take()
        slot = self.slots.take(request, match)
        if not request.generated:
            request.reused = request.computed
        self.running.append(request)
        source = slot if match.source is None else match.source.index
        self._memory.begin(slot, length, source=source, shared=match.shared)
        return True

    def _room_for(self, match: Match, length: int) -> bool:
        if match.own is None and self.slots.full:
            return False
        slot = match.own.index if match.own and match.in_place else None
        return self._memory.cost(slot, length, shared=match.shared) <= self._memory.room

    def _would_fit(self, request: Request, length: int) -> bool:
        """Whether there is room for it beside those who run, if nothing at all is retained."""
        shared = max(s.shared(request.tokens[:-1], request.adapter) for s in self.slots.in_use)
        taken = self._memory.taken(slot.index for slot in self.slots.in_use)
        return self._memory.cost(None, length, shared=shared) <= self._memory.budget - taken

    def _work(self) -> tuple[Work, ...]:
        decoding = [Work(r, 1, samples=True) for r in self.running if r.pending == 1]
        return (*decoding, *self._prefill(len(decoding)))

    def _cost(self, work: Work) -> int:
        return self._memory.cost(_slot(work.request), work.request.computed + work.count)

    def _reserve(self, work: Sequence[Work]) -> None:
        """Take the room that was found; nobody may take what another one needs."""
        costs = [(one, cost) for one in work if (cost := self._cost(one))]
        left = sum(cost for _, cost in costs)
        for one, cost in costs:
            slot, length = _slot(one.request), one.request.computed + one.count
            self._memory.reserve(slot, length, spare=self._memory.room - left)
            left -= cost

    def _give_up_something(self) -> None:
        if not self._evict():
            self.put_back_youngest()

    def _evict(self, spared: Iterable[Slot | None] = ()) -> bool:
        index = self.slots.evict(spared)
        if index is None:
            return False
        self._memory.drop(index)
        return True

    def _release(self, request: Request) -> None:
        empty = self.slots.release(request)
        if empty is not None:
            self._memory.drop(empty)

    def _prefill(self, decoding: int) -> Iterator[Work]:
        prompts = [request for request in self.running if request.pending > 1]
        left = self.pace.prefill(decoding)
        if self.share is not None:
            left = min(left, self.share)
        first = prompts[:1] if len(prompts) > 1 else []
        shares = {r: min(r.pending, left // 2) for r in first}
        left -= sum(shares.values())
        for request in sorted(prompts, key=lambda r: r.pending - shares.get(r, 0)):
            more = min(request.pending - shares.get(request, 0), left)
            shares[request] = shares.get(request, 0) + more
            left -= more
        for request, count in shares.items():
            if count:
                yield Work(request, count, samples=count == request.pending)

    def _advance(self, work: Work, token: int | None) -> Output | None:
        request = work.request
        request.computed += work.count
        if not work.samples:
            return None
        if token is None:
            request.computed = 0  # nobody may go on from what it left
            broken = GenerationError("the model gave no finite number for the next token")
            return self._over(request, (), broken)
        if token in request.stop_ids:
            return self._over(request, (), FinishReason.STOP)
        request.tokens.append(token)
        if request.generated >= request.sampling.max_new_tokens:
            return self._over(request, (token,), FinishReason.LENGTH)
        return Output(request, (token,))

    def _over(self, request: Request, tokens: tuple[int, ...], ending: Ending) -> Output:
        self.end(request)
        self.pace.note_length(request.generated)
        return Output(request, tokens, ending)


def _slot(request: Request) -> int:
    if request.slot is None:
        raise ValueError("only an admitted request can be computed")
    return request.slot
