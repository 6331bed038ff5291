"""Markup that hides what stands between two of its marks, Discord's `||`, in a text of many parts.

Where a part ends, a mark may lose its partner and find a wrong one. Such a mark is shown as a
look-alike: what was hidden may then be seen, but nothing is hidden that was not meant to be.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from functools import lru_cache

import regex

LOOK_ALIKE = "❘"

Pair = tuple[int, int]
"""Where the two marks around a hidden text are."""


@lru_cache
def _hiding(mark: str) -> regex.Pattern[str]:
    """Discord's own rules in their order: what is escaped, blocks and spans of code, the marks."""
    code = r"```.+?```|(?P<ticks>`+)(?:.*?[^`])(?P=ticks)(?!`)"
    marks = regex.escape(mark)
    return regex.compile(rf"\\[^\s\w]|{code}|(?P<hidden>{marks}.+?{marks})", regex.DOTALL)


def pairs(text: str, mark: str, start: int = 0) -> list[Pair]:
    """The pairs of marks between which text is hidden."""
    if not mark or mark not in text:
        return []
    found = _hiding(mark).finditer(text, pos=start)
    return [(each.start(), each.end() - len(mark)) for each in found if each["hidden"]]


def last_opening(text: str, mark: str) -> int:
    """Where the last mark is if it hides nothing yet; 0 if there is none."""
    if not mark or (last := text.rfind(mark)) < 0:
        return 0
    return last if all(end < last for _, end in pairs(text, mark)) else 0


def mended(part: str, offset: int, meant: AbstractSet[Pair], mark: str) -> str:
    """The part with no text hidden but between pairs that were `meant`.

    `offset` is what a place in the part lacks to be the place in the whole text.
    """
    start = 0
    while mark:
        found = pairs(part, mark, start)
        wrong = [first for first, last in found if (first + offset, last + offset) not in meant]
        if not wrong:
            break
        start = wrong[0] + len(mark)
        part = part[: wrong[0]] + LOOK_ALIKE * len(mark) + part[start:]
    return part
