"""Takes one person's words out of what others said: quotations, and the person's name."""

from __future__ import annotations

import re
from collections.abc import Iterable

GONE = "[…]"
RUN = 3
"""Words in a row that somebody else would hardly say by chance."""
SHORTEST_NAME = 3

_WORD = re.compile(r"\w+")


class Redaction:
    """What a person said and was called; built once for everything that is to be cleaned."""

    def __init__(self, messages: Iterable[str], names: Iterable[str]) -> None:
        self._runs: set[tuple[str, ...]] = set()
        self._short: set[tuple[str, ...]] = set()
        for message in messages:
            own = "\n".join(line for line in message.split("\n") if not line.startswith("> "))
            words = tuple(word.casefold() for word in _WORD.findall(own))
            if len(words) < RUN:
                self._short.add(words)
            self._runs.update(zip(*(words[at:] for at in range(RUN)), strict=False))
        self._short.discard(())
        known = sorted({n for n in names if len(n) >= SHORTEST_NAME}, key=len, reverse=True)
        called = "|".join(map(re.escape, known))
        self._names = re.compile(called, re.IGNORECASE) if known else None
        # How an adapter writes what a message refers to: every line of it begins with ">".
        quote = rf"> (?:{called}): [^\n]*(?:\n> [^\n]*)*"
        self._quotes = re.compile(quote, re.IGNORECASE) if known else None

    def clean(self, text: str, *, answer: bool = False) -> str:
        """The text without runs of the person's words, and without their names.

        In an `answer` to the person even a message of one or two words is taken for a quotation.
        """
        if self._quotes:
            text = self._quotes.sub(f"> {GONE}", text)
        marked = self._marked(text, answer=answer)
        for first, last in reversed(_merged(marked)):
            text = f"{text[:first]}{GONE}{text[last:]}"
        return self._names.sub(GONE, text) if self._names else text

    def _marked(self, text: str, *, answer: bool) -> list[tuple[int, int]]:
        found = list(_WORD.finditer(text))
        words = [match.group().casefold() for match in found]
        known = self._runs | self._short if answer else self._runs
        return [
            (found[at].start(), found[at + length - 1].end())
            for at in range(len(words))
            for length in range(1, min(RUN, len(words) - at) + 1)
            if tuple(words[at : at + length]) in known
        ]


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    whole: list[tuple[int, int]] = []
    for first, last in spans:
        if whole and first <= whole[-1][1] + 1:
            whole[-1] = (whole[-1][0], max(last, whole[-1][1]))
        else:
            whole.append((first, last))
    return whole
