"""The line behind the slash command, read as a command of the table with its arguments."""

from __future__ import annotations

import re
from collections.abc import Mapping

from adapters.slack.markup import readable, unescaped
from bot.control.arguments import WRITTEN
from bot.control.commands import BY_PATH
from bot.control.declarations import Command, Kind
from bot.control.lines import parsed
from bot.control.response import Given
from bot.control.words import say
from bot.errors import Refused

HELP = ("help",)
LONGEST_NAME = 40
"""Characters of what is no command that the answer repeats."""
IDS = {
    Kind.PERSON: re.compile(r"[UW][A-Z0-9]{2,40}"),
    Kind.ROLE: re.compile(r"S[A-Z0-9]{2,40}"),
    Kind.CHANNEL: re.compile(r"[CDG][A-Z0-9]{2,40}"),
}
_MENTION = re.compile(
    r"(?P<named>[=:]\s*)?<(?:@(?P<person>[UW][A-Z0-9]+)|#(?P<channel>[CDG][A-Z0-9]+)"
    r"|!subteam\^(?P<role>S[A-Z0-9]+))(?:\|[^<>\n]*)?>"
)


def command_in(text: str) -> tuple[Command, str]:
    """The command that a line begins with, and the rest of the line.

    Any other line is help about its first word, which says so if there is no such command.
    """
    words = text.split(maxsplit=2)
    for count in (2, 1):
        path = tuple(word.lower() for word in words[:count])
        if len(path) == count and (command := BY_PATH.get(path)):
            rest = text.split(maxsplit=count)[count:]
            return command, rest[0] if rest else ""
    return BY_PATH[HELP], words[0].lower()[:LONGEST_NAME] if words else ""


def arguments_in(command: Command, text: str, locale: str) -> Mapping[str, Given]:
    """The arguments of a line, with what Slack has escaped undone; Refused for wrong ones."""
    written = any(argument.kind in WRITTEN for argument in command.arguments)
    line = readable(text, _no_name) if written else unescaped(_with_ids(command, text))
    given = parsed(command, line, locale)
    for argument in command.arguments:
        if argument.kind is Kind.FILE and argument.name in given:
            raise _no_file(command, argument.name, locale)
        check_id(argument.name, argument.kind, given.get(argument.name), locale)
    return given


def _no_file(command: Command, name: str, locale: str) -> Refused:
    """Files cannot be typed: they are chosen in a window."""
    rest = (each.name for each in command.arguments if each.kind is not Kind.FILE)
    expected = " ".join(f"[{each}=…]" for each in rest)
    key = "error.unknown_argument"
    notice = say(key, locale, command=command.name, name=name, expected=expected)
    return Refused(f"{command.name}: {name} cannot be typed", notice=notice)


def check_id(name: str, kind: Kind, value: Given | None, locale: str) -> None:
    """Refused where something else than an id of Slack's stands for a person, role or channel."""
    form = IDS.get(kind)
    if value in {None, ""} or form is None or form.fullmatch(str(value)):
        return
    raise Refused(f"{name} is no {kind}", notice=say(f"slack.not_a_{kind}", locale, name=name))


def _with_ids(command: Command, text: str) -> str:
    """Mentions become ids, under the name of the one argument that they can be for."""

    def id_of(found: re.Match[str]) -> str:
        kind = Kind(str(found.lastgroup))
        names = [argument.name for argument in command.arguments if argument.kind is kind]
        if found["named"]:
            return f"={found[kind]}"
        return f"{names[0]}={found[kind]}" if len(names) == 1 else found[kind]

    return _MENTION.sub(id_of, text)


def _no_name(user: str) -> None:
    """Slack itself has written the name into the line."""
    del user
