"""A typed line as the arguments of a command.

They are written as `name=value`, as `name: value`, or in their order. A value is one word, or
stands in quotation marks, be they straight or those that phones and languages make of them. A text
needs none: it takes the rest of the line, up to another argument's `name=`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.control.arguments import WRITTEN, wrong
from bot.control.declarations import Argument, Command, Kind
from bot.control.response import Given

FAMILIES = ('"“”„‟', "'‘’‚‛", "«»", "‹›", "「」", "『』")
KIN = {mark: family for family in FAMILIES for mark in family}
PARTNERS = {"“": "”", "„": "“”", "‘": "’", "‚": "‘’", "«": "»", "‹": "›", "「": "」", "『": "』"}
"""What ends a quotation that one of these begins; failing that, any mark of its family does."""
EQUALS, COLON = "=＝", ":："


def parsed(command: Command, text: str, locale: str) -> dict[str, Given]:
    """The arguments of a line, unchecked. Refused for what can be none of the command's."""
    given: dict[str, Given] = {}
    left = text.strip()
    while left:
        argument, left = _whose(command, given, left, locale)
        # A file cannot be typed, so within a text its name is a word like others.
        others = [each for each in command.arguments if each.kind is not Kind.FILE]
        missing = [e.name for e in others if e is not argument and e.name not in given]
        given[argument.name], left = _value(argument, left, missing)
    return given


def _whose(
    command: Command, given: dict[str, Given], left: str, locale: str
) -> tuple[Argument, str]:
    """The argument that comes next, and the line from its value on."""
    named = _name([each.name for each in command.arguments], EQUALS + COLON).match(left)
    if named:
        name = named["equal"] or named["colon"]
        same = (each for each in command.arguments if _is(each.name, name))
        return next(same), left[named.end() :]
    free = next((each for each in command.arguments if each.name not in given), None)
    word = left.split(maxsplit=1)[0]
    if (free is None or free.kind not in WRITTEN) and (stranger := _stranger(word)):
        raise wrong("error.unknown_argument", locale, command, name=stranger)
    if free is None:
        raise wrong("error.too_many_arguments", locale, command, name=word)
    return free, left


def _value(argument: Argument, left: str, others: Iterable[str]) -> tuple[str, str]:
    """The value that a line begins with, and what follows it."""
    another = _name(others, EQUALS)
    if another.match(left):
        return "", left
    text = argument.kind in WRITTEN
    quotation = _quotation(left)
    if quotation and not (text and quotation[1] and not another.match(quotation[1])):
        return quotation
    if not text:
        word, *rest = left.split(maxsplit=1) or [""]
        return word, "".join(rest)
    ends = (space.end() for space in re.finditer(r"\s+", left))
    end = next((at for at in ends if another.match(left, at)), len(left))
    return left[:end].rstrip(), left[end:]


def _name(names: Iterable[str], signs: str) -> re.Pattern[str]:
    """One of the names with a sign that says that its value follows."""
    one = "|".join(map(re.escape, names)) or r"(?!)"
    colon = rf"|(?P<colon>{one})[{COLON}]\s*" if COLON in signs else ""
    return re.compile(rf"(?P<equal>{one})\s*[{EQUALS}]\s*{colon}", re.IGNORECASE)


def _is(name: str, written: str) -> bool:
    # As the pattern compares: no way to fold case agrees with it on every letter.
    return re.fullmatch(re.escape(name), written, re.IGNORECASE) is not None


def _quotation(left: str) -> tuple[str, str] | None:
    """What stands in quotation marks at the beginning of a line, and what follows it."""
    family = KIN.get(left[:1])
    if family is None:
        return None
    for marks in (PARTNERS.get(left[0], left[0]), family):
        if (end := next(_ends(left, marks), None)) is not None:
            return left[1:end].strip(), left[end + 1 :].lstrip()
    return None


def _ends(left: str, marks: str) -> Iterator[int]:
    """Where one of the marks ends a word; within a word it is an apostrophe."""
    for found in re.finditer(rf"[{marks}](?=\s|$)", left[1:]):
        yield found.start() + 1


def _stranger(word: str) -> str:
    """The name in `name=value`, if it looks like the name of an argument."""
    found = re.match(rf"(\w+)(?:[{EQUALS}]|[{COLON}]$)", word)
    return found[1] if found and found[1].isidentifier() else ""
