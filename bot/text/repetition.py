"""Notices that an answer goes round in circles, or goes on without anything that could be read."""

from __future__ import annotations

import regex

LEAST_ROUNDS = 4
"""Times that the same must have been said, one after the other."""

PATIENCE = 4
"""How much longer code, and what holds no word, may go on: tables, drawings, boards, zeros."""

LOOKS = 8
"""How often it is looked, in each stretch as long as the limit."""

TOKEN = 4
"""Bytes of a token, about."""

FENCE = "```"
WORD = regex.compile(r"\p{L}\p{M}*\p{L}|[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]")
SEEN = regex.compile(r"[^\s\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}\u2800]")
SENTENCE_END = regex.compile(r"[.!?…](?=[\"'”’»)\]*_]*(?:\s|$))[\"'”’»)\]*_]*|[。！？]+|\n")


class Circles:
    """Watches one growing answer. `surplus` characters at its end are not worth keeping.

    It goes in circles once the same has been said again and again over `limit` bytes (as many plain
    letters; a Chinese one has three), or over four times as many where that is code or holds no
    word. It says nothing once as many tokens as make up the limit have brought nothing that can be
    seen. A limit of 0 is none.

    What this costs does not depend on the text: it looks a few times in each stretch as long as the
    limit, and each time reads a few times the limit at most.
    """

    def __init__(self, limit: int) -> None:
        self.found = False
        self.surplus = 0
        self._limit = limit
        self._text = bytearray()  # the end of it, long enough for a look
        self._unlooked = 0
        self._silent = 0
        self._unseen = 0
        self._last = ""
        self._fenced = False

    def push(self, text: str, tokens: int) -> bool:
        """Take new text that so many tokens have brought; True once the answer should end."""
        if self.found or not self._limit:
            return self.found
        if SEEN.search(text):
            self._silent, self._unseen = 0, 0
        else:
            self._silent += tokens
            self._unseen += len(text)
        for start in range(0, len(text), self._limit):
            self._take(text[start : start + self._limit])
        if self._silent * TOKEN >= self._limit:
            self.found = True
            self.surplus = self.surplus or self._unseen
        return self.found

    def _take(self, text: str) -> None:
        """At most as many characters as the limit has bytes."""
        around = self._last + text
        self._fenced ^= bool(around.count(FENCE) % 2)
        self._last = "" if around.endswith(FENCE) else around[1 - len(FENCE) :]
        self._text += text.encode("utf-8", "replace")
        self._unlooked += len(text)
        if self.found:
            self.surplus += len(text)
        elif self._unlooked * LOOKS >= self._limit:
            self._unlooked = 0
            self._look()
            kept = (PATIENCE + 1) * self._limit
            if len(self._text) > 2 * kept:
                del self._text[:-kept]

    def _look(self) -> None:
        tail = max(1, self._limit // LEAST_ROUNDS)
        end = len(self._text)
        at = self._text.find(self._text[-tail:], max(0, end - 2 * tail), end - 1)
        if at < 0 or not self._repeats(end - tail - at, self._limit):
            return
        # The nearest one is the shortest circle, of which the one found may be a multiple.
        length = end - tail - self._text.rfind(self._text[-tail:], end - 2 * tail, end - 1)
        patient = self._fenced or not WORD.search(_decoded(self._text[-2 * length :]))
        if patient and not self._repeats(length, PATIENCE * self._limit):
            return
        self.found = True
        self.surplus = self._superfluous(length)

    def _repeats(self, length: int, span: int) -> bool:
        """Whether the last `span` bytes are the same `length` of them over and over."""
        text = self._text
        return len(text) >= span and text[-span:-length] == text[length - span :]

    def _superfluous(self, length: int) -> int:
        """Characters after the first round, which may go on to the end of its sentence."""
        text = self._text
        start = len(text) - length
        while start and text[start - 1] == text[start - 1 + length]:
            start -= 1
        while text[start] & 0xC0 == 0x80:  # within a character
            start += 1
        run, once = _decoded(text[start:]), _decoded(text[start : start + length])
        keep = len(once.rstrip())
        end = SENTENCE_END.search(run, max(0, keep - 1), keep + len(once))
        return len(run) - (end.end() if end else keep)


def _decoded(text: bytearray) -> str:
    return text.decode("utf-8", "ignore")
