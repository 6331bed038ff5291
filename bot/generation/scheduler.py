"""What the model computes next: who is admitted, and how many tokens each has in a step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bot.errors import GenerationError
from bot.generation.fairness import FairQueue
from bot.generation.prefixes import Copy, Slots
from bot.generation.request import Request
from bot.values import FinishReason

LEAST_PREFILL = 16
"""Prompt tokens that a step takes at least, however many answers are running."""

Ending = FinishReason | GenerationError


@dataclass(frozen=True, slots=True)
class Work:
    """`count` tokens of one request; `samples` if its next token comes out of them."""

    request: Request
    count: int
    samples: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """One step: what is copied first, then what goes through the model together."""

    copies: tuple[Copy, ...]
    work: tuple[Work, ...]


@dataclass(frozen=True, slots=True)
class Output:
    """What a step gave one request: new text tokens, and its ending if it has come to one."""

    request: Request
    tokens: tuple[int, ...]
    ending: Ending | None = None


class Scheduler:
    """Admits requests as slots fall free, and shares each step's token budget among them.

    A running answer gets its one token in every step. What the budget leaves goes to prompts:
    half to the one admitted first, so that it is never starved, the rest to the shortest.
    """

    def __init__(self, slots: Slots, *, max_running: int, prefill_budget: int) -> None:
        self.running: list[Request] = []
        self.waiting = FairQueue()
        self.slots = slots
        self._most = min(max_running, len(slots))
        self._limit = self._most
        self._budget = prefill_budget

    @property
    def busy(self) -> bool:
        """Whether there is anything to compute."""
        return bool(self.running or self.waiting)

    def plan(self) -> Plan:
        """The next step: admit who can be, then divide the budget."""
        copies = []
        while self.waiting and len(self.running) < self._limit:
            copies.append(self._admit(self.waiting.take()))
        decoding = [Work(r, 1, samples=True) for r in self.running if r.pending == 1]
        work = (*decoding, *self._prefill(len(decoding)))
        return Plan(tuple(copy for copy in copies if copy), work)

    def advance(self, work: Sequence[Work], tokens: Sequence[int | None]) -> list[Output]:
        """Take what the model gave for the work: a token, or None where it gave no number."""
        pairs = zip(work, tokens, strict=True)
        return [output for one, token in pairs if (output := self._advance(one, token))]

    def add(self, request: Request) -> None:
        """Let the request wait for its turn."""
        self.waiting.add(request)

    def end(self, request: Request) -> None:
        """The request is over, for whatever reason: its slot falls free."""
        if request not in self.running:
            self.waiting.remove(request)
            return
        self.running.remove(request)
        self.slots.release(request)
        self._limit = min(self._most, self._limit + 1)

    def forget(self) -> None:
        """The memory was cleared: everybody's tokens are computed again."""
        self.slots.forget()

    def clear(self) -> None:
        """Drop every request; for when nothing of the state can be trusted."""
        self.running = []
        self.waiting = FairQueue()
        self.slots = Slots(len(self.slots))
        self._limit = self._most

    def number(self) -> None:
        """Tell each request its place in the queue."""
        for request in self.running:
            request.waiting = 0
        for place, request in enumerate(self.waiting, start=1):
            request.waiting = place

    def put_back_youngest(self) -> None:
        """Too little memory: the last admitted waits until another one has ended."""
        request = self.running.pop()
        self.slots.release(request)
        self.waiting.put_back(request)
        self._limit = max(1, len(self.running))

    def _admit(self, request: Request) -> Copy | None:
        copy = self.slots.take(request)
        if not request.generated:
            request.reused = request.computed
        self.running.append(request)
        return copy

    def _prefill(self, decoding: int) -> Iterator[Work]:
        prompts = [request for request in self.running if request.pending > 1]
        left = max(self._budget - decoding, LEAST_PREFILL)
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
        return Output(request, tokens, ending)
