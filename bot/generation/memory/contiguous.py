"""Memory for a CPU: each slot's keys and values lie in one piece, and are attended as they lie."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from bot.generation.attention import Span, extend, mask_for
from bot.generation.memory.key_value import KeyValueShape, Limits
from bot.generation.memory.products import extend_by_products, is_faster

LEAST_GROWTH = 128
"""Tokens by which a slot grows at least; half of its length where there is room for more.

Growing copies all of it, and each turn of a conversation makes it longer.
"""


class ContiguousMemory:
    """One tensor [2 x layers, 1, heads, length, dim] for each slot; see `KeyValueMemory`.

    Shared beginnings are copied: that costs far less than computing them, and no gathering later.
    """

    def __init__(
        self, shape: KeyValueShape, limits: Limits, *, device: torch.device, dtype: torch.dtype
    ) -> None:
        self._shape = shape
        self._limits = limits
        self._device = device
        self._dtype = dtype
        self._by_products = is_faster(device, dtype)
        self._slots: dict[int, Tensor] = {}
        self._used = 0

    @property
    def budget(self) -> int:
        """What all slots may take together."""
        return self._limits.tokens

    @property
    def room(self) -> int:
        """What of the budget nobody has taken."""
        return self._limits.tokens - self._used

    @property
    def bytes_used(self) -> int:
        """Bytes that the slots have taken."""
        return self._used * self._shape.bytes_per_token(self._dtype)

    @property
    def bytes_budgeted(self) -> int:
        """Bytes of the whole budget."""
        return self._limits.tokens * self._shape.bytes_per_token(self._dtype)

    def cost(self, slot: int | None, length: int, *, shared: int | None = None) -> int:  # noqa: ARG002
        """The room that it takes for this slot to hold `length`; what is shared is copied."""
        return max(0, length - (0 if slot is None else self._length(slot)))

    def taken(self, slots: Iterable[int]) -> int:
        """What these slots have taken together."""
        return sum(map(self._length, slots))

    def begin(self, slot: int, length: int, *, source: int, shared: int) -> None:
        """Make the slot hold `length`, the first `shared` being those of slot `source`."""
        if source != slot or not shared:
            self.drop(slot)
        self.reserve(slot, length, spare=self.room - self.cost(slot, length))
        if source != slot and shared:
            self._copy(self._slots[source], self._slots[slot], shared)

    def reserve(self, slot: int, length: int, *, spare: int = 0) -> None:
        """Let the slot hold `length`, and some of what is to spare, so that it grows seldom."""
        have = self._length(slot)
        if length <= have:
            return
        if length - have > self.room or length > self._limits.context:
            raise ValueError(f"there is no room for a slot of {length} tokens")
        wanted = min(have + max(LEAST_GROWTH, have // 2), length + spare // 8)
        wanted = min(max(wanted, length), self._limits.context)
        size = (2 * self._shape.layers, 1, self._shape.heads, wanted, self._shape.head_dim)
        new = torch.empty(size, dtype=self._dtype, device=self._device)
        if have:
            self._copy(self._slots[slot], new, have)
        self._slots[slot] = new
        self._used += wanted - have

    def drop(self, slot: int) -> None:
        """Empty the slot. No error if it is empty."""
        self._used -= self._length(slot)
        self._slots.pop(slot, None)

    def clear(self) -> None:
        """Empty all slots and give the memory back."""
        self._slots.clear()
        self._used = 0

    def shrink(self) -> None:
        """Clear, and be content with an eighth less from now on."""
        self.clear()
        self._limits = self._limits.less()

    def packing(self, spans: Sequence[Span]) -> ContiguousPacking:
        """Where the tokens of one forward belong."""
        slots = [self._slots[span.slot] for span in spans]
        return ContiguousPacking(
            slots, spans, self._device, self._dtype, by_products=self._by_products
        )

    def _length(self, slot: int) -> int:
        have = self._slots.get(slot)
        return 0 if have is None else have.shape[3]

    @torch.inference_mode()
    def _copy(self, source: Tensor, target: Tensor, length: int) -> None:
        target[:, :, :, :length] = source[:, :, :, :length]


class ContiguousPacking:
    """Attends every span alone: nothing is padded, masked or gathered. See `Packing`.

    The views on the slots of all layers are taken at once; a layer then only picks its own.
    """

    def __init__(
        self,
        slots: Sequence[Tensor],
        spans: Sequence[Span],
        device: torch.device,
        dtype: torch.dtype,
        *,
        by_products: bool = False,
    ) -> None:
        numbers = [at for span in spans for at in range(span.start, span.end)]
        self.positions = torch.tensor(numbers, device=device)
        self._counts = [span.count for span in spans]
        self._extend = extend_by_products if by_products else extend
        self._masks = [mask_for(span, device, dtype, causal=not by_products) for span in spans]
        self._sharing = 1  # query heads to a key head that the masks have rows for
        pairs = list(zip(slots, spans, strict=True))
        self._new = [slot[:, :, :, s.start : s.end].unbind() for slot, s in pairs]
        self._all = [slot[:, :, :, : s.end].unbind() for slot, s in pairs]

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float | None
    ) -> Tensor:
        """Store keys and values, then attend; [1, heads, tokens, dim] in, tokens first out."""
        at, counts = 2 * layer, self._counts
        self._prepare(query.shape[1] // key.shape[1])
        places = [new[at] for new in self._new] + [new[at + 1] for new in self._new]
        torch._foreach_copy_(places, [*key.split(counts, 2), *value.split(counts, 2)])
        parts = zip(query.split(counts, 2), self._all, self._masks, strict=True)
        outs = [
            self._extend(part, past[at], past[at + 1], mask, scale) for part, past, mask in parts
        ]
        return outs[0] if len(outs) == 1 else torch.cat(outs, 1)

    def _prepare(self, group: int) -> None:
        """Let the masks have rows for all heads that share a key head: once, not in each layer."""
        if self._sharing != group:
            self._masks = [None if mask is None else mask.repeat(group, 1) for mask in self._masks]
            self._sharing = group
