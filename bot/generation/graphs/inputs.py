"""What a decoding step reads, at addresses that stay."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bot.generation.attention import Span
from bot.generation.memory.page_tables import PageTables

LISTS = 4
"""Numbers drawn, ids, positions and places; then come the tables."""


class DecodeInputs:
    """One token each of up to `rows` slots with up to `width` pages; one copy brings all of it.

    The copy may still be on its way when `send` returns: read something back before writing again.
    """

    def __init__(self, rows: int, width: int, device: torch.device) -> None:
        size = rows * (LISTS + width)
        self._rows = rows
        self._host = torch.zeros(size, dtype=torch.int32, pin_memory=device.type == "cuda")
        self._there = torch.zeros(size, dtype=torch.int32, device=device)
        self._lists = self._host[: LISTS * rows].numpy().reshape(LISTS, rows)
        self._numbers = self._host[:rows].view(torch.float32).numpy()
        self._tables = self._host[LISTS * rows :].numpy()
        self._shape = (0, 0)
        self._written: list[list[int]] = []

    def uniform(self, rows: int) -> Tensor:
        """The numbers in [0, 1) that choose the tokens."""
        return self._there[:rows].view(torch.float32)

    def ids(self, rows: int) -> Tensor:
        """The tokens."""
        return self._list(1, rows)

    def positions(self, rows: int) -> Tensor:
        """Each token's position in its conversation."""
        return self._list(2, rows)

    def places(self, rows: int) -> Tensor:
        """Where in the pools keys and values of the tokens belong."""
        return self._list(3, rows)

    def tables(self, rows: int, width: int) -> Tensor:
        """Each slot's pages, [rows, width]."""
        start = LISTS * self._rows
        return self._there[start : start + rows * width].view(rows, width)

    def write(
        self,
        ids: Sequence[int],
        spans: Sequence[Span],
        tables: PageTables,
        *,
        rows: int,
        width: int,
    ) -> None:
        """Take down the tokens of a step, and fill up to `rows` with what belongs to nobody."""
        self._reshape(rows, width)
        count, page = len(spans), tables.size
        self._lists[1:, count:rows] = 0
        self._lists[1, :count] = ids
        self._lists[2, :count] = [span.start for span in spans]
        self._lists[3, :count] = [
            tables.of(span.slot)[span.start // page] * page + span.start % page for span in spans
        ]
        pages = [tables.of(span.slot)[:width] for span in spans]
        for row, table in enumerate([*pages, *([[]] * (rows - count))]):
            if self._written[row] != table:
                self._write_table(row, width, table)

    def roll(self, numbers: Sequence[float]) -> None:
        """Take down the first rows' numbers."""
        self._numbers[: len(numbers)] = numbers

    def probe(self, rows: int, width: int, number: int) -> None:
        """Write `number` for every id and position, and the page that belongs to nobody."""
        self._reshape(rows, width)
        self._lists[1:3, :rows] = number
        self._lists[3, :rows] = 0
        for row in range(rows):
            self._write_table(row, width, [])
        self.send()

    def send(self) -> None:
        """Copy to the device what was written."""
        rows, width = self._shape
        size = LISTS * self._rows + rows * width
        self._there[:size].copy_(self._host[:size], non_blocking=True)

    def _list(self, number: int, rows: int) -> Tensor:
        return self._there[number * self._rows :][:rows]

    def _reshape(self, rows: int, width: int) -> None:
        if self._shape != (rows, width):
            self._shape = rows, width
            self._tables[: rows * width] = 0
            self._written = [[] for _ in range(rows)]

    def _write_table(self, row: int, width: int, table: list[int]) -> None:
        line = self._tables[row * width : (row + 1) * width]
        line[: len(table)] = table
        line[len(table) :] = 0
        self._written[row] = table
