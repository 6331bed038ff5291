"""Encoded pieces of prompts, remembered by the memory that they take, not by their number."""

from __future__ import annotations

import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable, Sequence

MOST = 4_000_000
"""Characters of all texts together: some hundreds of long conversations, some 20 MB."""


class Remembered:
    """Encodes texts; those of late are known, so that a turn encodes only what is new.

    Ids lie in arrays: as numbers of Python they would take nine times as much. Any thread may ask.
    """

    def __init__(self, encode: Callable[[str], Sequence[int]], *, most: int = MOST) -> None:
        self._encode = encode
        self._most = most
        self._lock = threading.Lock()
        self._known: OrderedDict[str, array[int]] = OrderedDict()
        self._characters = 0

    def __call__(self, text: str) -> array[int]:
        """The ids of a text; not to be changed."""
        with self._lock:
            if (known := self._known.get(text)) is not None:
                self._known.move_to_end(text)
                return known
        ids = array("i", self._encode(text))  # two threads may do the same at once
        with self._lock:
            if text not in self._known:
                self._known[text] = ids
                self._characters += len(text)
            while self._characters > self._most:
                oldest, _ = self._known.popitem(last=False)
                self._characters -= len(oldest)
        return ids

    @property
    def characters(self) -> int:
        """Of all texts that are known."""
        return self._characters
