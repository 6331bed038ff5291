"""Memory for GPUs: a pool of pages in each layer, attended in one batch of one shape."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from bot.generation.attention import Span
from bot.generation.memory.kernels import GatheredAttention, Kernels
from bot.generation.memory.key_value import KeyValueShape, Limits
from bot.generation.memory.page_tables import Copied, PageTables
from bot.generation.memory.paged_packing import PagedPacking


class PagedMemory:
    """Per layer one tensor [pages, page, 2, heads, dim] on that layer's device.

    See `KeyValueMemory`. Full pages of a shared beginning are counted, not copied. The pool is
    taken whole when first needed, so that its addresses stay until it shrinks.
    """

    def __init__(
        self,
        shape: KeyValueShape,
        limits: Limits,
        *,
        devices: Sequence[torch.device],
        dtype: torch.dtype,
        kernels: Kernels | None = None,
    ) -> None:
        self.kernels = kernels or GatheredAttention()
        self._shape = shape
        self._limits = limits
        self._devices = tuple(devices)
        self._dtype = dtype
        self._pools: list[Tensor] = []
        self._tables = self._empty()

    @property
    def context(self) -> int:
        """Tokens that one conversation may have."""
        return self._limits.context

    @property
    def tables(self) -> PageTables:
        """Which pages each slot has."""
        return self._tables

    @property
    def pools(self) -> list[Tensor]:
        """Each layer's pages, taken now if they were not yet; another list after `shrink`."""
        if not self._pools:
            self._pools = self._allocate()
        return self._pools

    @property
    def budget(self) -> int:
        """What all slots may take together."""
        return self._tables.pages * self._tables.size

    @property
    def room(self) -> int:
        """What of the budget nobody has taken."""
        return self._tables.free * self._tables.size

    @property
    def bytes_used(self) -> int:
        """Bytes that the slots have taken of the pool."""
        return (self.budget - self.room) * self._shape.bytes_per_token(self._dtype)

    @property
    def bytes_budgeted(self) -> int:
        """Bytes of the whole pool."""
        return self.budget * self._shape.bytes_per_token(self._dtype)

    def cost(self, slot: int | None, length: int, *, shared: int | None = None) -> int:
        """The room that it takes for this slot to hold `length`."""
        size = self._tables.size
        if slot is None:
            return (self._tables.needed(length) - (shared or 0) // size) * size
        return self._tables.lacking(slot, length, shared) * size

    def taken(self, slots: Iterable[int]) -> int:
        """What these slots have taken together; what they share counts once."""
        return self._tables.distinct(slots) * self._tables.size

    def begin(self, slot: int, length: int, *, source: int, shared: int) -> None:
        """Make the slot hold `length`, the first `shared` being those of slot `source`."""
        if source == slot:
            copied = self._tables.keep(slot, shared)
        else:
            self._tables.drop(slot)
            copied = self._tables.share(source, slot, shared)
        if copied:
            self._copy(copied)
        self.reserve(slot, length)

    def reserve(self, slot: int, length: int, *, spare: int = 0) -> None:  # noqa: ARG002
        """Let the slot hold `length`; what it holds stays. A page is spare enough."""
        self._tables.reserve(slot, length)

    def drop(self, slot: int) -> None:
        """Empty the slot. No error if it is empty."""
        self._tables.drop(slot)

    @torch.inference_mode()
    def clear(self) -> None:
        """Empty all slots; the pool stays, with zeros, since a NaN gets through every mask."""
        self._tables = self._empty()
        for pool in self._pools:
            pool.zero_()

    def shrink(self) -> None:
        """Give the pool back, and be content with an eighth less from now on."""
        self._limits = self._limits.less()
        self._pools = []
        self._tables = self._empty()

    def packing(self, spans: Sequence[Span]) -> PagedPacking:
        """Where the tokens of one forward belong; spans of one token come first."""
        return PagedPacking.of(self.pools, self._tables, spans, self._devices, self.kernels)

    def _empty(self) -> PageTables:
        page = self.kernels.page
        least = -(-self._limits.context // page) + 1  # one more, for the copy of a shared last page
        return PageTables(max(self._limits.tokens // page, least), page)

    def _allocate(self) -> list[Tensor]:
        page = self._tables.size
        # Zeros, since a masked position still enters a product, and 0 x NaN is NaN.
        size = (self._tables.pages + 1, page, 2, self._shape.heads, self._shape.head_dim)
        return [torch.zeros(size, dtype=self._dtype, device=device) for device in self._devices]

    @torch.inference_mode()
    def _copy(self, copied: Copied) -> None:
        source, target = copied
        for pool in self._pools:
            pool[target] = pool[source]
