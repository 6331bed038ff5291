"""Which slot holds which tokens, so that a prompt's known beginning is not computed again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.generation.request import Request

WORTH_COPYING = 16
"""Shared tokens from which copying another slot's beginning pays."""


@dataclass(frozen=True, slots=True)
class Copy:
    """The first `length` positions of slot `source` are wanted in slot `target` too."""

    source: int
    target: int
    length: int


@dataclass(slots=True)
class Slot:
    """One conversation's keys and values; retained after its answer until it is needed."""

    index: int
    place: str = ""
    request: Request | None = None
    retained: list[int] = field(default_factory=list)
    last_used: int = 0

    def shared(self, tokens: Sequence[int]) -> int:
        """How many of the tokens, from the first on, this slot has."""
        if self.request is None:
            return common_prefix(self.retained, tokens)
        return min(self.request.computed, common_prefix(self.request.tokens, tokens))

    @property
    def held(self) -> int:
        """Tokens whose keys and values lie here."""
        return self.request.computed if self.request else len(self.retained)


class Slots:
    """The slots of one memory: in use, retained with what they hold, or empty."""

    def __init__(self, count: int) -> None:
        self._slots = [Slot(index) for index in range(count)]
        self._clock = 0

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def held(self) -> int:
        """Tokens held in all slots."""
        return sum(slot.held for slot in self._slots)

    @property
    def retains(self) -> bool:
        """Whether slots that nobody uses hold anything."""
        return any(slot.retained for slot in self._slots)

    def take(self, request: Request) -> Copy | None:
        """Give the request a slot, with as much of its beginning as any slot has.

        Its Place's own old slot is gone on with. Another conversation's is copied from rather
        than taken, as long as an emptier one is there.
        """
        wanted = request.tokens[:-1]  # the last one must be computed: it gives the next token
        source = max(self._slots, key=lambda slot: (slot.shared(wanted), slot.request is None))
        shared = source.shared(wanted)
        target = self._target(request.place, wanted)
        if target is not source and target.shared(wanted) + WORTH_COPYING > shared:
            source, shared = target, target.shared(wanted)
        self._occupy(target, request, shared)
        return Copy(source.index, target.index, shared) if source is not target else None

    def release(self, request: Request) -> None:
        """Nobody uses the request's slot any more; what it holds is retained."""
        if request.slot is None:
            return
        slot = self._slots[request.slot]
        slot.retained = request.tokens[: request.computed]
        slot.request = None
        request.slot = None

    def forget(self) -> None:
        """The memory was cleared: slots in use begin anew, the others are empty."""
        for slot in self._slots:
            slot.retained = []
            if slot.request is not None:
                slot.request.computed = 0

    def _target(self, place: str, tokens: Sequence[int]) -> Slot:
        """The Place's own slot, an empty one, or the one not used for longest."""
        free = [slot for slot in self._slots if slot.request is None]
        own = [slot for slot in free if slot.place == place and slot.retained]
        if own:
            return max(own, key=lambda slot: slot.shared(tokens))
        return min(free, key=lambda slot: (bool(slot.retained), slot.last_used, slot.index))

    def _occupy(self, slot: Slot, request: Request, shared: int) -> None:
        self._clock += 1
        slot.last_used = self._clock
        slot.place = request.place
        slot.request = request
        slot.retained = []
        request.slot = slot.index
        request.computed = shared


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
