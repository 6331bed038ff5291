"""Keys and values that the model has computed: what one token leaves, and who may hold how many."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from bot.generation.attention import Packing, Span

SPARE = 32
"""Tokens beyond the context that may be lost to rounding."""


@dataclass(frozen=True, slots=True)
class KeyValueShape:
    """What one token of a model leaves behind."""

    layers: int
    heads: int
    head_dim: int

    @classmethod
    def of(cls, config: Any) -> KeyValueShape:
        """Read from a transformers configuration."""
        heads = config.num_attention_heads
        return cls(
            layers=config.num_hidden_layers,
            heads=getattr(config, "num_key_value_heads", None) or heads,
            head_dim=getattr(config, "head_dim", None) or config.hidden_size // heads,
        )

    def bytes_per_token(self, dtype: torch.dtype) -> int:
        """Bytes that one token takes in all layers, keys and values together."""
        return 2 * self.layers * self.heads * self.head_dim * dtype.itemsize


class KeyValueMemory(Protocol):
    """Keys and values of many conversations, each in a slot, as long as each one needs.

    All sizes are tokens. A slot is any number, and empty until `begin`. Nothing here decides who
    must give way: whoever asks looks at `cost` and `room` first.
    """

    @property
    def budget(self) -> int:
        """What all slots may take together."""

    @property
    def room(self) -> int:
        """What of the budget nobody has taken."""

    @property
    def bytes_used(self) -> int:
        """Bytes that the slots have taken."""

    @property
    def bytes_budgeted(self) -> int:
        """Bytes of the whole budget."""

    def cost(self, slot: int | None, length: int, *, shared: int | None = None) -> int:
        """The room that it takes for this slot (None: an empty one) to hold `length`.

        With `shared`, that it takes to `begin` with so many: the slot's own, or for None another's.
        """

    def taken(self, slots: Iterable[int]) -> int:
        """What these slots have taken together; what they share counts once."""

    def begin(self, slot: int, length: int, *, source: int, shared: int) -> None:
        """Make the slot hold `length`, the first `shared` being those of slot `source`.

        `source` may be the slot itself, which then goes on from there.
        """

    def reserve(self, slot: int, length: int, *, spare: int = 0) -> None:
        """Let the slot hold `length`; what it holds stays.

        It may take up to `spare` more, where that saves growing again soon.
        """

    def drop(self, slot: int) -> None:
        """Empty the slot. No error if it is empty."""

    def clear(self) -> None:
        """Empty all slots; no number that was in them is left."""

    def shrink(self) -> None:
        """Give all memory back, and want an eighth less from now on, though not below the context.

        Nothing is left in the slots.
        """

    def packing(self, spans: Sequence[Span]) -> Packing:
        """Where the tokens of one forward belong; spans of one token come first."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much memory there may be: `tokens` in all, of which one conversation has `context`."""

    tokens: int
    context: int

    @property
    def least(self) -> int:
        """Tokens without which no conversation could get as long as the context."""
        return self.context + SPARE

    def less(self) -> Limits:
        """An eighth less, but enough for one conversation."""
        return Limits(max(self.least, self.tokens * 7 // 8), self.context)
