"""Which pages of a pool each slot has, in order; full pages may be shared."""

from __future__ import annotations

from collections.abc import Iterable

Copied = tuple[int, int]
"""A page, and the page that its content is wanted in too."""


class PageTables:
    """Pages are numbered from 1: page 0 belongs to nobody, for whatever has no place."""

    def __init__(self, pages: int, size: int) -> None:
        self.pages = pages
        self.size = size
        self._free = list(range(pages, 0, -1))
        self._users = [0] * (pages + 1)
        self._tables: dict[int, list[int]] = {}

    @property
    def free(self) -> int:
        """Pages that nobody has."""
        return len(self._free)

    def of(self, slot: int) -> list[int]:
        """The pages of one slot, first positions first."""
        return self._tables.get(slot, [])

    def needed(self, length: int) -> int:
        """How many pages hold so many positions."""
        return -(-length // self.size)

    def distinct(self, slots: Iterable[int]) -> int:
        """How many pages these slots have; one that they share counts once."""
        return len(set().union(*(self.of(slot) for slot in slots)))

    def lacking(self, slot: int, length: int, kept: int | None = None) -> int:
        """How many free pages it takes for the slot to hold `length`, after `keep` if so said."""
        table = self.of(slot)
        if kept is None:
            return max(0, self.needed(length) - len(table))
        own = [self._users[page] == 1 for page in table]
        whole = self.needed(kept)
        if kept % self.size and not own[whole - 1]:
            whole -= 1  # it is written to, so it must become the slot's own
        return max(0, self.needed(length) - whole - sum(own[self.needed(kept) :]))

    def reserve(self, slot: int, length: int) -> None:
        """Add pages until the slot has enough. ValueError, and nothing done, if there are none."""
        table = self._tables.setdefault(slot, [])
        lacking = self.needed(length) - len(table)
        if lacking > self.free:
            raise ValueError(f"there is no room for a slot of {length} tokens")
        for _ in range(lacking):
            table.append(self._take())

    def share(self, source: int, target: int, length: int) -> Copied | None:
        """The empty target begins as the source does; only a last page not full is a new one."""
        full = length // self.size
        pages = self.of(source)
        self._tables[target] = pages[:full]
        for page in pages[:full]:
            self._users[page] += 1
        if length % self.size == 0:
            return None
        own = self._take()
        self._tables[target].append(own)
        return pages[full], own

    def keep(self, slot: int, length: int) -> Copied | None:
        """Give back what lies behind `length`, so that the slot may be written from there on."""
        table = self._tables.setdefault(slot, [])
        while len(table) > self.needed(length):
            self._give(table.pop())
        if length % self.size == 0 or self._users[table[-1]] == 1:
            return None
        others = table[-1]
        table[-1] = self._take()
        self._give(others)
        return others, table[-1]

    def drop(self, slot: int) -> None:
        """Give all pages of the slot back."""
        for page in self._tables.pop(slot, []):
            self._give(page)

    def _take(self) -> int:
        if not self._free:
            raise ValueError("there is no page left")
        page = self._free.pop()
        self._users[page] = 1
        return page

    def _give(self, page: int) -> None:
        self._users[page] -= 1
        if not self._users[page]:
            self._free.append(page)
