"""Which slot holds which tokens, so that a prompt's known beginning is not computed again."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from bot.generation.request import Request

WORTH_SHARING = 16
"""Tokens that another slot must have more than the Place's own, to be shared from instead."""


@dataclass(slots=True)
class Slot:
    """One conversation's tokens; retained after its answer until somebody else needs the room."""

    index: int
    place: str = ""
    adapter: str = ""
    request: Request | None = None
    retained: list[int] = field(default_factory=list)
    last_used: int = 0

    def shared(self, tokens: Sequence[int], adapter: str) -> int:
        """How many of the tokens, from the first on, this slot has for this adapter."""
        if adapter != self.adapter:
            return 0
        if self.request is None:
            return common_prefix(self.retained, tokens)
        return min(self.request.computed, common_prefix(self.request.tokens, tokens))

    @property
    def held(self) -> int:
        """Tokens whose keys and values lie here. May be asked from any thread."""
        request = self.request
        return request.computed if request else len(self.retained)

    @property
    def order(self) -> tuple[str, list[int], int]:
        """Where it stands among the retained: next to those that begin alike."""
        return self.adapter, self.retained, self.index


@dataclass(frozen=True, slots=True)
class Match:
    """Where a request may begin: `shared` tokens of `source`; `own` is its Place's old slot."""

    own: Slot | None
    source: Slot | None
    shared: int

    @property
    def in_place(self) -> bool:
        """Whether the Place's own slot is gone on with."""
        return self.own is not None and self.own is self.source


class Slots:
    """The slots of one memory: in use, retained with what they hold, or empty.

    Nothing is found but what begins with the very same tokens and was computed with the same
    adapter. The retained ones are kept in order: the longest common beginning is always beside
    where a prompt would stand, however many they are.
    """

    def __init__(self, count: int) -> None:
        self.evicted = 0
        self._slots = tuple(Slot(index) for index in range(count))
        self._empty = list(reversed(self._slots))
        self._retained: list[Slot] = []
        self._used: dict[Request, Slot] = {}
        self._clock = 0

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def held(self) -> int:
        """Tokens held in all slots."""
        return sum(slot.held for slot in self._slots)

    @property
    def retained(self) -> int:
        """How many slots hold something that nobody uses."""
        return len(self._retained)

    @property
    def in_use(self) -> tuple[Slot, ...]:
        """The slots of running requests."""
        return tuple(self._used.values())

    def match(self, request: Request) -> Match:
        """The best beginning that any slot has; the Place's own is preferred if near it."""
        wanted = request.tokens[:-1]  # the last one must be computed: it gives the next token
        adapter = request.adapter

        def shared(slot: Slot) -> int:
            return slot.shared(wanted, adapter)

        mine = [slot for slot in self._retained if slot.place == request.place]
        own = max(mine, key=shared, default=None)
        others = (*self._beside(adapter, wanted), *self._used.values())
        source = max(others, key=shared, default=None)
        if own and source and shared(source) < shared(own) + WORTH_SHARING:
            source = own
        if source is None or not shared(source):
            return Match(own, None, 0)
        return Match(own, source, shared(source))

    def take(self, request: Request, match: Match) -> int:
        """Give the request a slot and return its number: its Place's old one, or an empty one."""
        if match.own is not None:
            self._retained.remove(match.own)
        slot = match.own or self._empty.pop()
        self._use(slot)
        if match.source is not None:
            self._use(match.source)
        slot.place, slot.adapter = request.place, request.adapter
        slot.request, slot.retained = request, []
        self._used[request] = slot
        request.slot = slot.index
        request.computed = match.shared
        return slot.index

    def release(self, request: Request) -> int | None:
        """Nobody uses the request's slot any more; its number is returned if it is empty now."""
        slot = self._used.pop(request, None)
        request.slot = None
        if slot is None:
            return None
        self._use(slot)
        slot.request = None
        slot.retained = request.tokens[: request.computed]
        if slot.retained:
            insort(self._retained, slot, key=_order)
            return None
        self._empty.append(slot)
        return slot.index

    def evict(self, spared: Iterable[Slot | None] = ()) -> int | None:
        """Empty the retained slot not used for longest and return its number; None if none is."""
        kept = [slot for slot in spared if slot is not None]
        able = (slot for slot in self._retained if not any(slot is one for one in kept))
        oldest = min(able, key=lambda slot: slot.last_used, default=None)
        if oldest is None:
            return None
        self._retained.remove(oldest)
        oldest.retained = []
        self._empty.append(oldest)
        self.evicted += 1
        return oldest.index

    @property
    def full(self) -> bool:
        """Whether no slot is empty."""
        return not self._empty

    def forget(self) -> None:
        """The memory was cleared: slots in use begin anew, the others are empty."""
        for slot in self._retained:
            slot.retained = []
        self._empty += self._retained
        self._retained = []
        for request in self._used:
            request.computed = 0

    def _use(self, slot: Slot) -> None:
        self._clock += 1
        slot.last_used = self._clock

    def _beside(self, adapter: str, tokens: list[int]) -> Iterator[Slot]:
        at = bisect_left(self._retained, (adapter, tokens, -1), key=_order)
        yield from self._retained[max(0, at - 1) : at + 1]


def _order(slot: Slot) -> tuple[str, list[int], int]:
    return slot.order


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """How many tokens both begin with; compares slices, which is quick, and halves."""
    high = min(len(one), len(other))
    if one[:high] == other[:high]:
        return high
    low = 0
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low
