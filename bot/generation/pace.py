"""How quick the model is, as measured: what a step may read, and how long people will wait."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from bot.generation.request import Request

FRESHNESS = 0.2
"""What the newest measurement counts in an average that moves."""
LEAST_PREFILL = 16
"""Prompt tokens that a step takes at least, however many answers are running."""


class Average:
    """A moving average; None until something was noted."""

    def __init__(self) -> None:
        self.value: float | None = None

    def note(self, value: float) -> None:
        """Take in a measurement; the first one counts whole."""
        if self.value is None:
            self.value = value
        else:
            self.value += FRESHNESS * (value - self.value)


class Pace:
    """Keeps steps within `stall` seconds while answers are running, by reading less of prompts.

    A step is taken to need a time of its own, and a time for each prompt token in it. `most`
    bounds its tokens whatever the time.
    """

    def __init__(self, *, stall: float, most: int) -> None:
        self.step = Average()
        self._stall = stall
        self._most = most
        self._decoding = Average()
        self._per_token = Average()
        self._length = Average()

    def prefill(self, decoding: int) -> int:
        """Prompt tokens for the next step, beside so many running answers."""
        most = max(self._most - decoding, LEAST_PREFILL)
        if not decoding or not self._per_token.value:
            return most
        left = self._stall - (self._decoding.value or 0.0)
        return max(LEAST_PREFILL, min(most, int(left / self._per_token.value)))

    def note_step(self, decoding: int, prefill: int, seconds: float) -> None:
        """A step with so many running answers and prompt tokens took so long."""
        if not prefill:
            self._decoding.note(seconds)
        elif prefill >= LEAST_PREFILL:
            own = self._decoding.value or 0.0
            # Reading can make a step longer only: at least a tenth of it is the prompts'.
            rest = max(seconds - own, seconds / 10) if decoding else seconds
            self._per_token.note(rest / prefill)
        if decoding:
            self.step.note(seconds)

    def note_length(self, tokens: int) -> None:
        """An answer ended by itself after so many tokens."""
        self._length.note(tokens)

    def foretell(
        self, running: Iterable[Request], waiting: Iterable[Request], *, seats: int
    ) -> None:
        """Tell each waiting request when it will begin, if all answers have the usual length."""
        step, length = self.step.value, self._length.value
        ends = []
        for request in running:
            request.wait = 0.0
            usual = request.sampling.max_new_tokens
            if length is not None:
                usual = min(usual, max(int(length), request.generated + 1))
            ends.append(usual - request.generated)
        heapq.heapify(ends)
        for request in waiting:
            if step is None or length is None:
                request.wait = None
                continue
            begin = heapq.heappop(ends) if len(ends) >= max(1, seats) else 0
            request.wait = begin * step
            heapq.heappush(ends, begin + min(request.sampling.max_new_tokens, int(length)))
