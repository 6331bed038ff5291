"""Keys and values that the model has computed: one row of positions for each slot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

FIRST_LENGTH = 256
"""Positions of a slot at first; doubled whenever a conversation needs more."""


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


class KeyValueMemory:
    """Per layer two tensors [slots, heads, length, head_dim], grown by doubling when needed.

    Growth goes layer by layer, so that it needs one layer's worth of extra memory and may be
    interrupted by an out-of-memory error and tried again.
    """

    def __init__(
        self,
        shape: KeyValueShape,
        *,
        device: torch.device,
        dtype: torch.dtype,
        max_slots: int,
        max_length: int,
    ) -> None:
        self.max_slots = max_slots
        self.max_length = max_length
        self._shape = shape
        self._device = device
        self._dtype = dtype
        self._keys: list[Tensor] = []
        self._values: list[Tensor] = []
        self.clear()

    @property
    def capacity(self) -> int:
        """Tokens that fit into what is allocated now."""
        slots, _, length, _ = self._keys[-1].shape
        return slots * length

    def layer(self, index: int) -> tuple[Tensor, Tensor]:
        """Keys and values of one layer, as they are stored."""
        return self._keys[index], self._values[index]

    def reserve(self, slots: int, length: int) -> None:
        """Make room for this many slots of this many positions, keeping what is stored."""
        if slots > self.max_slots or length > self.max_length:
            raise ValueError(f"{slots} slots of {length} are more than this memory may hold")
        for layers in (self._keys, self._values):
            for index, old in enumerate(layers):
                layers[index] = self._grown(old, slots, length)

    def write(
        self, layer: int, slots: Tensor, positions: Tensor, key: Tensor, value: Tensor
    ) -> None:
        """Store keys and values [tokens, heads, head_dim] of one layer."""
        self._keys[layer][slots, :, positions] = key
        self._values[layer][slots, :, positions] = value

    def copy(self, source: int, target: int, length: int) -> None:
        """Copy the first positions of one slot to another."""
        for tensor in (*self._keys, *self._values):
            tensor[target, :, :length] = tensor[source, :, :length]

    def clear(self) -> None:
        """Give all memory back."""
        for layers in (self._keys, self._values):
            layers[:] = [self._zeros(0, 0) for _ in range(self._shape.layers)]

    def _grown(self, old: Tensor, slots: int, length: int) -> Tensor:
        have_slots, _, have_length, _ = old.shape
        if slots <= have_slots and length <= have_length:
            return old
        new = self._zeros(
            _doubled(have_slots or 1, slots, self.max_slots),
            _doubled(have_length or FIRST_LENGTH, length, self.max_length),
        )
        new[:have_slots, :, :have_length] = old
        return new

    def _zeros(self, slots: int, length: int) -> Tensor:
        # Zeros, since a masked position still enters a product, and 0 x NaN is NaN.
        size = (slots, self._shape.heads, length, self._shape.head_dim)
        return torch.zeros(size, dtype=self._dtype, device=self._device)


def _doubled(have: int, need: int, most: int) -> int:
    while have < need:
        have *= 2
    return min(have, most)
