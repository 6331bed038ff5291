"""Arguments as people give them, made into values; a wrong one is told what would be right."""

from __future__ import annotations

import math
from collections.abc import Mapping

from bot.control.declarations import Argument, Command, Kind
from bot.control.response import Given
from bot.control.words import say
from bot.errors import Refused

YES = {"yes", "on", "true", "1", "ja", "si", "sí", "oui", "да", "はい"}
WRITTEN = {Kind.TEXT, Kind.LONG_TEXT}
NO = {"no", "off", "false", "0", "nein", "non", "нет", "いいえ"}


def checked(
    command: Command, given: Mapping[str, Given], locale: str, *, forms: bool = False
) -> dict[str, Given]:
    """The arguments with their right types and within their ranges.

    With `forms` empty values are as good as none. Refused with words for the person.
    """
    known = {argument.name: argument for argument in command.arguments}
    if strangers := sorted(given.keys() - known.keys()):
        raise wrong("error.unknown_argument", locale, command, name=strangers[0])
    values: dict[str, Given] = {}
    for name, argument in known.items():
        value = given.get(name)
        if value is None or (forms and value == ""):
            if argument.required:
                raise wrong("error.missing_argument", locale, command, name=name)
            continue
        values[name] = _value(argument, value, locale)
    return values


def wrong(key: str, locale: str, command: Command, **values: object) -> Refused:
    """What is wrong with a use of the command, and which arguments it takes."""
    expected = " ".join(f"{a.name}=…" if a.required else f"[{a.name}=…]" for a in command.arguments)
    words = say(key, locale, command=command.name, expected=expected or "–", **values)
    return Refused(f"{command.name}: {key}", notice=words)


def _value(argument: Argument, value: Given, locale: str) -> Given:
    match argument.kind:
        case Kind.INTEGER | Kind.NUMBER:
            return _number(argument, value, locale)
        case Kind.SWITCH:
            return _switch(argument, value, locale)
        case Kind.CHOICE if argument.choices and value not in argument.choices:
            choices = ", ".join(argument.choices)
            raise _bad("error.not_a_choice", locale, argument, choices=choices)
        case Kind.TEXT | Kind.LONG_TEXT if argument.most and len(str(value)) > argument.most:
            raise _bad("error.text_too_long", locale, argument, most=int(argument.most))
    return value


def _number(argument: Argument, value: Given, locale: str) -> int | float:
    whole = argument.kind is Kind.INTEGER
    try:
        number = float(str(value).strip().replace(",", "."))
    except ValueError:
        number = float("nan")
    least, most = argument.least, argument.most
    fits = (least is None or number >= least) and (most is None or number <= most)
    if not math.isfinite(number) or not fits or (whole and number != int(number)):
        key = "error.not_a_whole_number" if whole else "error.not_a_number"
        raise _bad(key, locale, argument, least=_plain(least), most=_plain(most))
    return int(number) if whole else number


def _switch(argument: Argument, value: Given, locale: str) -> bool:
    if isinstance(value, bool):
        return value
    said = str(value).strip().casefold()
    if said not in YES | NO:
        raise _bad("error.not_a_switch", locale, argument)
    return said in YES


def _plain(number: float | None) -> str:
    return "" if number is None else f"{number:g}" if abs(number) < 1e6 else f"{number:.0f}"


def _bad(key: str, locale: str, argument: Argument, **values: object) -> Refused:
    return Refused(f"{argument.name}: {key}", notice=say(key, locale, name=argument.name, **values))
