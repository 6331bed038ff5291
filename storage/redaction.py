"""Takes one person's words out of what others said: quotations, and the person's name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from storage.ordinary import ALSO_NAMES, NEVER_NAMES

Run = tuple[str, ...]
"""Words in a row, or signs in a row where no spaces tell words apart."""

GONE = "[…]"
LONG = 12
"""What a run weighs that somebody else would hardly say by chance."""
WORD, SIGN, LETTER = 4, 2, 1
"""Three words are such a run, six signs of Chinese or Japanese, or twelve letters of Thai."""
SHORTEST_NAME = 3
"""Characters of a name that is known in any writing, and with an ending."""
SHORTEST_SIGNS = 2
"""What is seen as signs of a name without letters."""
CASES = "а|я|у|ю|ы|и|е|о|ь|ой|ей|ёй|ою|ею|ом|ем|ём|ью"
"""Endings of Russian names, which stand in place of the name's own."""
EVERYBODY = frozenset({"everyone", "channel", "here"})
"""Who writes `@everyone` does not mean somebody who calls themselves so."""

_HAN = "\u3005-\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_KANA = (
    "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u31f0-\u31ff\uff66-\uff9f"
)
_SIGNS = _HAN + _KANA
# Thai, Lao, Burmese and Khmer.
_LETTERS = "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ece\u1000-\u103f\u1050-\u109f\u1780-\u17d3"

_TOKEN = re.compile(rf"[{_SIGNS}{_LETTERS}]|[^\W{_SIGNS}{_LETTERS}]+")
_SIGN = re.compile(f"[{_SIGNS}]")
_LETTER = re.compile(f"[{_LETTERS}]")
_UNSPACED = re.compile(f"[{_SIGNS}{_LETTERS}]+")
_ONE_HAN = re.compile(f"[{_HAN}]")
_WORD = re.compile(r"[^\W_]+")
_QUOTED = re.compile("^> ", re.MULTILINE)
_SIBILANT = re.compile(r"(?:[sxzß]|[cs]h)$", re.IGNORECASE)
_CYRILLIC = re.compile("[а-яё]$", re.IGNORECASE)
_CASE = re.compile("[аяьйеёоыиую]$", re.IGNORECASE)
# What is seen as one sign: a flag, or a sign with what is joined to it.
_SEEN = re.compile(
    "[\U0001f1e6-\U0001f1ff]{2}"
    "|.(?:[\u0300-\u036f\u20e3\ufe0e\ufe0f\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]|\u200d.)*",
    re.DOTALL,
)
# Years, times and small numbers, and what punctuates, marks up or draws a line.
_PUNCTUATION = re.compile(
    r"(?:(?<!\d)\d{1,4}(?!\d)|[\s.,:;!?…·•\-–—_~*+=#|/\\\"'`]|\(\)|\[\]|\]\(|\{\}|[-=<]>|<[-=])+"
)
# What continues a word of a script with spaces.
_SPACED = rf"[^\W_{_SIGNS}{_LETTERS}]"


def runs(message: str) -> set[Run]:
    """All runs of a person's own words in a message; a short one is a run as a whole."""
    own = "\n".join(line for line in message.split("\n") if not line.startswith("> "))
    words = [word.casefold() for word in _TOKEN.findall(own)]
    found = {tuple(words[first:last]) for first, last in _long(words)}
    return found or ({tuple(words)} if words else set())


class Redaction:
    """What a person said and was called; built once for everything that is to be cleaned.

    `said_once` knows the runs of what they said and took back.
    """

    def __init__(
        self,
        messages: Iterable[str],
        names: Iterable[str],
        said_once: Callable[[Run], bool] = lambda _: False,
    ) -> None:
        self._said = set[Run]().union(*map(runs, messages))
        self._said_once = said_once
        known = sorted({name for name in names if name.strip()}, key=len, reverse=True)
        self._names = re.compile("|".join(map(_mention, known))) if known else None
        # How an adapter writes what a message refers to: every line of it begins with ">".
        quote = rf"> (?:{'|'.join(map(re.escape, known))}): [^\n]*(?:\n> [^\n]*)*"
        self._quotes = re.compile(quote, re.IGNORECASE) if known else None

    def clean(self, text: str, *, answer: bool = False) -> str:
        """The text without runs of the person's words, and without their names.

        In an `answer` to the person even a short message is taken for a quotation.
        """
        if self._quotes:
            text = self._quotes.sub(f"> {GONE}", text)
        marked = self._marked(text, answer=answer)
        for first, last in reversed(_merged(marked)):
            text = f"{text[:first]}{GONE}{text[last:]}"
        return self._names.sub(GONE, text) if self._names else text

    def taken(self, text: str) -> list[str]:
        """What `clean` takes out of a text that is no answer, but for the names alone."""
        quoted = self._quotes.findall(text) if self._quotes else []
        text = self._quotes.sub(GONE, text) if self._quotes else text
        marked = _merged(self._marked(text, answer=False))
        own = [text[first:last] for first, last in marked]
        return [_QUOTED.sub("", piece) for piece in (*quoted, *own)]

    def _marked(self, text: str, *, answer: bool) -> list[tuple[int, int]]:
        found = list(_TOKEN.finditer(text))
        words = [match.group().casefold() for match in found]
        spans = [*_long(words), *(_short(words) if answer else ())]
        return sorted(
            (found[first].start(), found[last - 1].end())
            for first, last in spans
            if self._knows(tuple(words[first:last]))
        )

    def _knows(self, run: Run) -> bool:
        return run in self._said or self._said_once(run)


class Called:
    """Tells where somebody of these names is mentioned or quoted, and not only the word stands."""

    def __init__(self, names: Iterable[str]) -> None:
        known = sorted(
            {name for name in names if name.strip() and name.casefold() not in EVERYBODY}
        )
        self.signs = [sign for name in known for sign in (f"> {name}: ", f"@{name}")]
        """One of these stands wherever that is so."""
        these = "|".join(map(re.escape, known))
        mention = rf"(?<!{_SPACED})@(?:{these})(?!{_SPACED})"
        self._written = re.compile(rf"> (?:{these}): |{mention}", re.IGNORECASE)

    def in_(self, text: str) -> bool:
        """Whether it is so in a text."""
        return bool(self.signs) and self._written.search(text) is not None


def _long(words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """From each word on, the fewest that are a run of their own."""
    last = weight = 0
    for first, word in enumerate(words):
        while weight < LONG and last < len(words):
            weight += _weight(words[last])
            last += 1
        if weight < LONG:
            return
        yield first, last
        weight -= _weight(word)


def _short(words: Sequence[str]) -> Iterator[tuple[int, int]]:
    """From each word on, all that are too few for that."""
    for first in range(len(words)):
        weight = 0
        for last in range(first, len(words)):
            weight += _weight(words[last])
            if weight >= LONG:
                break
            yield first, last + 1


def _weight(word: str) -> int:
    return SIGN if _SIGN.match(word) else LETTER if _LETTER.match(word) else WORD


def _mention(name: str) -> str:
    """Where a name stands for the person, and not for something else that is called so."""
    exact = re.escape(name)
    called = "(?!)" if name.casefold() in EVERYBODY else rf"(?<=@)(?i:{exact}){_end(name)}"
    words = [word.casefold() for word in _WORD.findall(name)]
    if all(word.isdecimal() for word in words):
        return called if _anybodys(name) else f"{called}|{_start(name)}{exact}{_end(name)}"
    if all(word in NEVER_NAMES or word.isdecimal() for word in words):
        return called
    if _UNSPACED.fullmatch(name):
        alone = rf"(?<![{_HAN}]){exact}(?![{_HAN}])"
        return exact if len(name) > 1 else f"{called}|{alone}" if _ONE_HAN.match(name) else called
    if len(name) == 1:
        return called
    if len(name) < SHORTEST_NAME:
        return rf"{called}|{_start(name)}{exact}{_end(name)}"
    as_name = {name, name.title(), name.upper()} - {name.lower()}
    inflected = "|".join(map(_inflected, sorted(as_name)))
    if all(word in NEVER_NAMES or word in ALSO_NAMES for word in words):
        return f"{called}|{inflected}" if inflected else called
    return f"(?i:{_start(name)}{exact}(?={_plural(name)}{_end(name)}))|{inflected or called}"


def _anybodys(name: str) -> bool:
    """Whether a name without letters is one sign alone, or stands where nobody is meant by it."""
    return len(_SEEN.findall(name)) < SHORTEST_SIGNS or _PUNCTUATION.fullmatch(name) is not None


def _inflected(name: str) -> str:
    """A name with what the languages of the catalogue put at its end."""
    ending = "(?:e[sn]s?)?" if _SIBILANT.search(name) else _plural(name)
    stem = _CASE.sub("", name)
    cases = f"|{_start(name)}{re.escape(stem)}(?:{CASES}){_end(name)}" if len(stem) > 1 else ""
    whole = rf"{_start(name)}{re.escape(name)}(?={ending}{_end(name)})"
    return whole + (cases if _CYRILLIC.search(name) else "")


def _plural(name: str) -> str:
    """An "s", unless that makes another word of it."""
    return "" if f"{name}s".casefold() in NEVER_NAMES else "s?"


def _start(name: str) -> str:
    return f"(?<!{_SPACED})" if re.match(_SPACED, name) else ""


def _end(name: str) -> str:
    return f"(?!{_SPACED})" if re.match(_SPACED, name[-1]) else ""


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    whole: list[tuple[int, int]] = []
    for first, last in spans:
        if whole and first <= whole[-1][1] + 1:
            whole[-1] = (whole[-1][0], max(last, whole[-1][1]))
        else:
            whole.append((first, last))
    return whole
