"""Text split into parts that fit a platform's messages, fences repaired, while it still grows.

Where a part ends depends only on the text up to its limit, so a part that is full never changes
when more text arrives.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import regex

from bot.text import veil

FENCE = regex.compile(r"^ {0,3}(`{3,8}|~{3,8})([^\n`]*)$", regex.MULTILINE)
"""A code fence as CommonMark has it: up to three spaces, three or more marks, an info string.
Nobody writes more than eight marks, and a bound is needed to know the room that closing takes."""

CLOSING_ROOM = 1 + 8
"""A new line and the longest fence. Kept free in every part that is cut, so that where it is cut
does not depend on what comes after it."""

LONGEST_INFO = 40
"""Characters of an info string that are repeated when a fence is reopened."""

BORDERS = (
    regex.compile(r"\n[ \t]*\n+"),  # between paragraphs
    regex.compile(r"\n(?=[ \t]*(?:[-*+]|\d{1,3}[.)]|#{1,6}|>)[ \t])"),  # before a list item
    regex.compile(r"\n"),
    regex.compile(r"(?<=[.!?…])[ \t]+(?![\p{M}\u200d])"),  # an accent may stand on a space
    regex.compile(r"[ \t]+(?![\p{M}\u200d])"),
)
FULL_ENOUGH = 0.5
"""A better border is taken only if it leaves the part at least this full."""


@dataclass(frozen=True, slots=True)
class Split:
    """One part: `text[start:end]` of the whole, between what reopens and closes its fence.

    `growing` is `shown` without what closes it: more text may be appended to it as it stands.
    """

    start: int
    end: int
    shown: str
    growing: str


@dataclass(frozen=True, slots=True)
class _Fence:
    mark: str
    info: str

    @property
    def opening(self) -> str:
        return f"{self.mark}{self.info}\n"

    @property
    def closing(self) -> str:
        return f"\n{self.mark}"


def split(text: str, limit: int, *, hides: str = "") -> list[Split]:
    """Parts of at most `limit` characters. Joined without the repairs they are `text` again.

    `hides` is the mark between two of which the platform hides text; see `bot.text.veil`.

    White space at a border outside code belongs to the part before it and is not shown. No part
    that is shown is empty, and grapheme clusters are cut only if one is longer than a part.
    """
    parts: list[Split] = []
    start, fence = 0, None
    meant = frozenset(veil.pairs(text, hides))
    while start < len(text):
        end = _end(text, start, fence, limit, hides)
        inside = _fence_at(text[start:end], fence)
        last = end == len(text)
        growing = _growing(text[start:end], fence)
        growing = veil.mended(growing, end - len(growing), meant, hides)
        shown = _shown(growing, inside, last=last)
        if shown.strip():
            parts.append(Split(start, end, shown, growing.rstrip()))
        elif parts:  # nothing but white space: it belongs to the part before
            parts[-1] = replace(parts[-1], end=end)
        start, fence = end, inside
    return parts


def _growing(body: str, before: _Fence | None) -> str:
    return before.opening + body.removeprefix("\n") if before else body.lstrip("\n")


def _shown(text: str, after: _Fence | None, *, last: bool) -> str:
    if after is None:
        return text.rstrip()
    # A fence left open by an unfinished text is closed as well: it must not swallow what the
    # platform shows after it.
    return text.rstrip("\n" if last else "\n ") + after.closing


def _end(text: str, start: int, fence: _Fence | None, limit: int, hides: str) -> int:
    """Where the part that begins at `start` ends."""
    opening = len(fence.opening) if fence else 0
    if len(text) - start + opening <= limit:
        still_open = _fence_at(text[start:], fence)
        closing = len(still_open.closing) if still_open else 0
        if len(text) - start + opening + closing <= limit:
            return len(text)
    room = limit - opening - CLOSING_ROOM
    window = text[start : start + room]
    return start + (_border(window, fence, hides) or _between_graphemes(text, start, room))


def _border(window: str, fence: _Fence | None, hides: str) -> int:
    """The best border in the window, as an offset behind it; 0 if there is none."""
    least = int(len(window) * FULL_ENOUGH)
    opened = _last_opening(window, fence) or (0 if fence else veil.last_opening(window, hides))
    if opened > least:  # rather begin the code in the next part than cut it
        return opened
    for border in BORDERS:
        ends = [m.end() for m in border.finditer(window, least) if m.end() < len(window)]
        if ends:
            return int(ends[-1])
    return 0


def _last_opening(window: str, fence: _Fence | None) -> int:
    """Offset of the fence that is open where the window ends, if it was opened within."""
    offset, current = 0, fence
    for match in FENCE.finditer(window):
        if current is None:
            current, offset = _Fence(match[1], match[2].strip()[:LONGEST_INFO]), match.start()
        elif _closes(match, current):
            current, offset = None, 0
    return offset if current is not None else 0


def _fence_at(body: str, fence: _Fence | None) -> _Fence | None:
    """The fence that is open behind `body`."""
    for match in FENCE.finditer(body):
        if fence is None:
            fence = _Fence(match[1], match[2].strip()[:LONGEST_INFO])
        elif _closes(match, fence):
            fence = None
    return fence


def _closes(match: regex.Match[str], fence: _Fence) -> bool:
    same = match[1][0] == fence.mark[0] and len(match[1]) >= len(fence.mark)
    return same and not match[2].strip()


def _between_graphemes(text: str, start: int, room: int) -> int:
    """At most `room` characters of whole grapheme clusters, at least one character."""
    taken = 0
    for match in regex.finditer(r"\X", text, pos=start, endpos=min(len(text), start + room + 64)):
        if match.end() - start > room:
            break
        taken = match.end() - start
    return taken or min(room, len(text) - start)
