"""Phrase patterns: `(a|b)` chooses, `[a]` may be left out, `<name>` takes from a word list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

PART = re.compile(r"[()\[\]|]|<[a-z_]+>|[^()\[\]|<]+|<")

WordLists = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several sequences; a sequence holds literal text, references and other choices."""

    options: tuple[tuple[str | Choice, ...], ...]


class Grammar:
    """Expands patterns at random; the word lists may hold patterns themselves."""

    def __init__(self, words: WordLists) -> None:
        self._words = words
        self._parsed: dict[str, Choice] = {}

    def expand(self, pattern: str, rng: Random) -> str:
        """One phrase of the pattern, with single spaces."""
        return " ".join(self._choose(self._parse(pattern), rng).split())

    def _choose(self, choice: Choice, rng: Random) -> str:
        return "".join(self._part(part, rng) for part in rng.choice(choice.options))

    def _part(self, part: str | Choice, rng: Random) -> str:
        if isinstance(part, Choice):
            return self._choose(part, rng)
        if part.startswith("<") and part.endswith(">"):
            return self._choose(self._parse(rng.choice(self._words[part[1:-1]])), rng)
        return part

    def _parse(self, pattern: str) -> Choice:
        if pattern not in self._parsed:
            self._parsed[pattern] = parse(pattern)
        return self._parsed[pattern]


def parse(pattern: str) -> Choice:
    """Read a pattern. Raises ValueError where brackets do not match."""
    parts = iter(PART.findall(pattern))
    choice, closing = _options(parts)
    if closing:
        raise ValueError(f"unopened {closing!r} in {pattern!r}")
    return choice


def _options(parts: Iterator[str], opened: str = "") -> tuple[Choice, str]:
    options: list[list[str | Choice]] = [[]]
    for part in parts:
        if part in ")]":
            if {")": "(", "]": "["}[part] != opened:
                raise ValueError(f"{part!r} closes {opened!r}")
            return Choice(tuple(map(tuple, options))), part
        if part == "|":
            options.append([])
        elif part in "([":
            inner, _ = _options(parts, part)
            options[-1].append(Choice((*inner.options, ())) if part == "[" else inner)
        else:
            options[-1].append(part)
    if opened:
        raise ValueError(f"{opened!r} is never closed")
    return Choice(tuple(map(tuple, options))), ""
