"""How much is measured: requests at once, rounds, and what is too slow to be measured whole."""

from __future__ import annotations

from dataclasses import dataclass

REFERENCE, FIELD = "seed", ("vllm", "prototype", "quipu")
"""The seed's way and those that goals are about are measured in every round."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How often, and how much in which round; see the methods.

    `serial` is how many requests the seed's way answers of each load: it takes them one after the
    other, so more of them only take longer.
    """

    rounds: int = 3
    quick: bool = False

    def requests(self, shape: str, round_: int) -> tuple[int, ...]:
        """The loads of this round."""
        if self.quick:
            return (1, 4, 16)
        rarely = {"110m": (32,), "1b": (4, 8, 32)}.get(shape, ())
        return tuple(n for n in (1, 4, 8, 16, 32) if round_ == 0 or n not in rarely)

    def serial(self, shape: str) -> int:
        return {"15m": 8, "110m": 4, "1b": 2}.get(shape, 4)

    def each(self, shape: str) -> dict[str, int]:
        """Rounds of every contender with all requests at once."""
        rarely = 1 if shape in ("110m", "1b") else self.rounds
        return self._rounds(padded=rarely, batching=rarely)

    def staggered(self) -> dict[str, int]:
        """The seed's way takes twice as long as the load itself, and is far behind."""
        return self._rounds(seed=1, batching=1)

    def turns(self) -> dict[str, int]:
        return self._rounds(batching=1)

    def _rounds(self, **fewer: int) -> dict[str, int]:
        return {REFERENCE: self.rounds, **dict.fromkeys(FIELD, self.rounds), **fewer}
