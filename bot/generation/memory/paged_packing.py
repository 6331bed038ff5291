"""Where the tokens of one forward belong in pages: as lists, on a device, and for each layer."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor

from bot.generation.attention import Span, extend, mask_for
from bot.generation.memory.kernels import Kernels, Segment, Singles
from bot.generation.memory.page_tables import PageTables
from bot.generation.transfer import send

ROWS = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64)
"""How many answers are decoded together; a batch is filled up to the next of these."""
LENGTHS = (256, 512, 768, 1024, 1536, 2048, 3072, 4096)
"""Tokens of the longest conversation of a batch, filled up likewise."""
MOST_GROUPS = 3
WORTH_A_GROUP = 4096
"""Tokens that need not be gathered, for which single ones of other lengths are attended apart."""


class Rows:
    """The packed row's tokens as lists, filled up where it holds single ones only.

    `groups` are neighbouring single ones whose tables have one width, as (count, width).
    """

    def __init__(self, tables: PageTables, spans: Sequence[Span], *, grouped: bool) -> None:
        size = tables.size
        self.positions = [at for span in spans for at in range(span.start, span.end)]
        self.places = [
            table[at // size] * size + at % size
            for span in spans
            for table in (tables.of(span.slot),)
            for at in range(span.start, span.end)
        ]
        singles = [span for span in spans if span.count == 1]
        self.groups = groups_of(
            [span.end for span in singles], size, most=MOST_GROUPS if grouped else 1
        )
        widths = chain.from_iterable([width] * count for count, width in self.groups)
        self.tables = [
            _padded(tables.of(span.slot)[: tables.needed(span.end)], width)
            for span, width in zip(singles, widths, strict=True)
        ]
        self.segments: list[tuple[int, Span, list[int]]] = []
        first = len(singles)
        for span in spans[len(singles) :]:
            self.segments.append((first, span, tables.of(span.slot)[: tables.needed(span.end)]))
            first += span.count
        if not self.segments:
            self._fill()

    def _fill(self) -> None:
        """More rows, which write to the page that belongs to nobody and are not listened to."""
        more = bucket(len(self.tables), ROWS) - len(self.tables)
        count, width = self.groups.pop() if self.groups else (0, 1)
        self.groups.append((count + more, width))
        self.positions += [0] * more
        self.places += [0] * more
        self.tables += [[0] * width for _ in range(more)]


class Addresses:
    """On one device: where new tokens are written, and what is read for them."""

    def __init__(
        self,
        positions: Tensor,
        places: Tensor,
        singles: Sequence[Singles],
        segments: Sequence[Segment] = (),
    ) -> None:
        self.positions = positions
        self.places = places
        self.singles = singles
        self.segments = segments

    @classmethod
    def of(
        cls, rows: Rows, device: torch.device, kernels: Kernels, dtype: torch.dtype
    ) -> Addresses:
        """All in one transfer to the device."""
        pages = [page for _, _, pages in rows.segments for page in pages]
        count, singles = len(rows.positions), len(rows.tables)
        lists = (rows.positions, rows.places, *rows.tables, pages)
        sizes = [count * width for count, width in rows.groups]
        numbers = send(list(chain.from_iterable(lists)), device)
        positions, places, *tables, paged = numbers.split([count, count, *sizes, len(pages)])
        batches = [
            batch_of(own.view(len(at), -1).int(), at, kernels, dtype)
            for own, at in zip(
                tables, positions[:singles].split([n for n, _ in rows.groups]), strict=True
            )
        ]
        return cls(positions, places, batches, _segments(rows, paged.int(), kernels, dtype))


class PagedPacking:
    """Attends single tokens in a batch or a few, and each longer span alone. See `Packing`.

    Shapes depend on the buckets of batch and length only, and nothing is read back from a device.
    """

    def __init__(
        self, pools: Sequence[Tensor], layers: Sequence[Addresses], kernels: Kernels
    ) -> None:
        self.positions = layers[0].positions
        self._pools = pools
        self._layers = layers
        self._kernels = kernels

    @classmethod
    def single(cls, pools: Sequence[Tensor], where: Addresses, kernels: Kernels) -> PagedPacking:
        """For pools that all lie on one device."""
        return cls(pools, [where] * len(pools), kernels)

    @classmethod
    def of(
        cls,
        pools: Sequence[Tensor],
        tables: PageTables,
        spans: Sequence[Span],
        devices: Sequence[torch.device],
        kernels: Kernels,
    ) -> PagedPacking:
        """For spans of any length."""
        rows, dtype = Rows(tables, spans, grouped=kernels.gathers), pools[0].dtype
        found = {one: Addresses.of(rows, one, kernels, dtype) for one in dict.fromkeys(devices)}
        return cls(pools, [found[device] for device in devices], kernels)

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float | None
    ) -> Tensor:
        """Store keys and values, then attend; [1, heads, tokens, dim] in, tokens first out."""
        pool, where = self._pools[layer], self._layers[layer]
        new = torch.stack((key[0], value[0]), 1).permute(2, 1, 0, 3)
        pool.flatten(0, 1).index_copy_(0, where.places, new)
        outs = []
        first = 0
        for batch in where.singles:
            last = first + len(batch.lengths)
            outs.append(self._kernels.singles(query[:, :, first:last], pool, batch, scale))
            first = last
        for segment in where.segments:
            part = slice(segment.first, segment.first + segment.span.count)
            new_query = query[:, :, part]
            if segment.span.start:
                outs.append(self._kernels.continued(new_query, pool, segment, scale))
            else:
                outs.append(extend(new_query, key[:, :, part], value[:, :, part], None, scale))
        return outs[0] if len(outs) == 1 else torch.cat(outs, 1)


def batch_of(tables: Tensor, positions: Tensor, kernels: Kernels, dtype: torch.dtype) -> Singles:
    """Single tokens at these positions, with the mask that the kernels want."""
    mask = None
    if kernels.masks:
        seen = torch.arange(tables.shape[1] * kernels.page, device=tables.device)
        # In numbers, since torch makes them of every mask of truth values, and that in each layer.
        hidden = torch.zeros(len(tables), len(seen), dtype=dtype, device=tables.device)
        hidden.masked_fill_(seen > positions[:, None], -torch.inf)
        mask = hidden[:, None, None]
    return Singles(tables, (positions + 1).int(), mask)


def groups_of(ends: Sequence[int], page: int, *, most: int) -> list[tuple[int, int]]:
    """Neighbouring conversations that are filled up to one width, as (count, width in pages).

    A new group begins where, in at most `most` groups, much less is filled up than without it.
    They should come longest first.
    """
    widths = [width_for(end, page) for end in ends]
    groups: list[tuple[int, int]] = []
    first = 0
    for at in range(1, len(widths)):
        width, rest = max(widths[first:at]), widths[at:]
        saved = (width - max(rest)) * len(rest) * page
        if len(groups) + 1 < most and saved >= WORTH_A_GROUP:
            groups.append((at - first, width))
            first = at
    if widths:
        groups.append((len(widths) - first, max(widths[first:])))
    return groups


def bucket(count: int, sizes: Sequence[int]) -> int:
    """The next of the sizes that is not below the count; beyond them, multiples of the last."""
    return next((size for size in sizes if size >= count), -(-count // sizes[-1]) * sizes[-1])


def width_for(length: int, page: int) -> int:
    """Pages of a table that is filled up for conversations of this length."""
    return bucket(length, LENGTHS) // page


def _padded(table: list[int], width: int) -> list[int]:
    return table + [0] * (width - len(table))


def _segments(rows: Rows, pages: Tensor, kernels: Kernels, dtype: torch.dtype) -> list[Segment]:
    parts = pages.split([len(own) for _, _, own in rows.segments])
    return [
        Segment(first, span, part, mask_for(span, pages.device, dtype) if kernels.masks else None)
        for (first, span, _), part in zip(rows.segments, parts, strict=True)
    ]
