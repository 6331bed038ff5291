"""Notices that an answer goes round in circles, or goes on without anything that could be read."""

from __future__ import annotations

import itertools

import regex

LEAST_ROUNDS = 4
"""Times that the same must have been said, one after the other."""

PATIENCE = 4
"""How much longer code, and what holds no word, may go on: tables, drawings, boards, zeros."""

COUNTED = 2
"""How much longer rounds may go on that differ by the number that counts them."""

LOOKS = 8
"""How often it is looked, in each stretch as long as the limit."""

TOKEN = 4
"""Bytes of a token, about."""

FENCE = "```"
NUMBER = regex.compile(rb"(\d{1,9})")
LINE_NUMBER = regex.compile(rb"(?m)^[^\w\n]{0,8}(\d{1,9})")
WORD = regex.compile(r"\p{L}\p{M}*\p{L}|[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}]")
SEEN = regex.compile(r"[^\s\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Default_Ignorable_Code_Point}\u2800]")
SENTENCE_END = regex.compile(r"[.!?…](?=[\"'”’»)\]*_]*(?:\s|$))[\"'”’»)\]*_]*|[。！？]+|\n")


class Circles:
    """Watches one growing answer. `surplus` characters at its end are not worth keeping.

    It goes in circles once the same has been said again and again over `limit` bytes (as many plain
    letters; a Chinese one has three), or over four times as many where that is code or holds no
    word. Rounds that are counted ("1. The same. 2. The same.") are circles over twice as many, if
    nothing else differs in them. It says nothing once as many tokens as make up the limit have
    brought nothing that can be seen. A limit of 0 is none.

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
            for numbers in (NUMBER, LINE_NUMBER):
                if not self.found:
                    self._look_at_counted(numbers)
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

    def _look_at_counted(self, numbers: regex.Pattern[bytes]) -> None:
        """Find rounds that differ by one number alone, by which they are counted."""
        text, end = self._text, len(self._text)
        # Nearly always the last three show that it is nothing of the kind.
        last = _complete(numbers, text, end - self._limit)[-3:]
        between = text[last[0].end(1) : last[1].start(1)] if len(last) == 3 else bytearray()
        if not WORD.search(_decoded(between)) or not _counts(text, between, last):
            return
        if not between.startswith(text[last[2].end(1) :]):
            return
        span = self._limit * (PATIENCE if self._fenced else COUNTED)
        found = _complete(numbers, text, end - span - self._limit)
        first = len(found) - 1
        while first and _counts(text, between, found[first - 1 : first + 1]):
            first -= 1
        start = found[first].start(1)
        if end - start < span or len(found) - first < LEAST_ROUNDS:
            return
        self.found = True
        once = _decoded(text[start : found[first + 1].start(1)])
        ends = [each.end() for each in SENTENCE_END.finditer(once)]
        worth = [at for at in ends if WORD.search(once, 0, at)] or [len(once)]
        self.surplus = len(_decoded(text[start:])) - len(once[: worth[-1]].rstrip())

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


def _complete(
    numbers: regex.Pattern[bytes], text: bytearray, start: int
) -> list[regex.Match[bytes]]:
    """The numbers from there on, but for one at the end that may go on."""
    found = list(numbers.finditer(text, max(0, start)))
    return found[:-1] if found and found[-1].end(1) == len(text) else found


def _counts(text: bytearray, between: bytearray, numbers: list[regex.Match[bytes]]) -> bool:
    """Whether each number is one more than the one before, and the same is said between them."""
    return all(
        int(before[1]) + 1 == int(after[1]) and text[before.end(1) : after.start(1)] == between
        for before, after in itertools.pairwise(numbers)
    )


def _decoded(text: bytearray) -> str:
    return text.decode("utf-8", "ignore")
