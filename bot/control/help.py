"""Help: the commands that a person can use, written as their platform has them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches

from bot.control.commands import COMMANDS
from bot.control.declarations import Argument, Command, Level
from bot.control.ports import Handler
from bot.control.refusal import refusal
from bot.control.response import Call, Given, Response
from bot.control.spelling import span
from bot.control.words import say
from bot.errors import Refused


class Help:
    """The handler of `help`."""

    def __init__(self, known: Collection[tuple[str, ...]]) -> None:
        self._commands = [command for command in COMMANDS if command.path in known]

    def handlers(self) -> dict[tuple[str, ...], Handler]:
        return {("help",): self.show}

    async def show(self, call: Call, arguments: Mapping[str, Given]) -> Response:
        """All commands for the person's role, or one of them with its arguments."""
        asked = str(arguments.get("command", "")).strip().removeprefix(call.prefix.strip())
        if asked:
            return Response(self._one(call, asked.strip().lower()))
        return Response("\n".join(self._all(call)))

    def _all(self, call: Call) -> list[str]:
        lines = [say("help.intro", call.locale)]
        for title, levels in (
            ("everyone", {Level.EVERYONE, Level.ASKER}),
            ("admin", {Level.ADMIN}),
        ):
            if title == "admin" and not call.author.manages:
                continue
            lines.append(f"\n**{say(f'help.{title}', call.locale)}**")
            lines += [_line(call, each) for each in self._commands if each.level in levels]
        return [*lines, "", say("help.more", call.locale, prefix=call.prefix)]

    def _one(self, call: Call, asked: str) -> str:
        found = [
            command
            for command in self._commands
            if asked in {command.name, command.key, command.path[0]}
        ]
        if not found:
            raise self._unknown(call, asked)
        lines = []
        for command in found:
            lines.append(_line(call, command))
            lines += [_argument(call, command, argument) for argument in command.arguments]
            if command.level is Level.ADMIN and not call.author.manages:
                lines.append(say("error.not_an_admin", call.locale, command=command.name))
        return "\n".join(lines)

    def _unknown(self, call: Call, asked: str) -> Refused:
        names = [command.name for command in self._commands]
        nearest = get_close_matches(asked, names, n=1)
        if not nearest:
            return refusal("help.unknown", call.locale, name=asked, prefix=call.prefix)
        values = {"name": asked, "prefix": call.prefix, "nearest": nearest[0]}
        return refusal("help.nearest", call.locale, **values)


def _line(call: Call, command: Command) -> str:
    return f"`{call.prefix}{command.name}` – {say(f'command.{command.key}', call.locale)}"


def _argument(call: Call, command: Command, argument: Argument) -> str:
    words = say(f"argument.{command.key}.{argument.name}", call.locale)
    allowed = span(argument, call.locale)
    more = [allowed] if allowed else []
    if argument.required:
        more.append(say("help.required", call.locale))
    return f"  - `{argument.name}` – {words}" + (f" ({'; '.join(more)})" if more else "")
