"""The table of all commands."""

from __future__ import annotations

from dataclasses import replace

from bot.control import settings
from bot.control.declarations import Argument, Command, Kind, Level, Target

PERSONA_CHARACTERS = 4000
"""What Discord's text field holds; a file may hold more."""
REASON_CHARACTERS = 1000

_WHOM = (
    Argument("person", Kind.PERSON),
    Argument("role", Kind.ROLE),
    Argument("channel", Kind.CHANNEL),
)
_SCORE = Argument("score", Kind.CHOICE, required=True, choices=("up", "down"))
_REASON = Argument("reason", Kind.LONG_TEXT, most=REASON_CHARACTERS)
_NUMBERS = 10_000
"""More answers to a question, or versions of a persona, than there ever are."""
_ANSWER = Argument("answer", Kind.INTEGER, least=1, most=_NUMBERS)
_VERSION = Argument(
    "version", Kind.INTEGER, required=True, least=1, most=_NUMBERS, source="versions"
)
_PERSONA = (
    Argument("text", Kind.LONG_TEXT, least=1, most=PERSONA_CHARACTERS),
    Argument("preset", Kind.CHOICE, source="presets"),
    Argument("file", Kind.FILE),
)


_WHERE = Argument("where", Kind.CHOICE, choices=("thread", "channel", "workspace"))
"""What a setting is set for: the channel, unless told otherwise."""


def _setting(name: str, arguments: tuple[Argument, ...], *, window: bool = False) -> Command:
    return Command((name,), Level.ADMIN, (*arguments, _WHERE), window=window)


def _reply(name: str, level: Level, *arguments: Argument, menu: bool = False) -> Command:
    return Command((name,), level, arguments, target=Target.REPLY, button=True, menu=menu)


COMMANDS = (
    Command(("help",), Level.EVERYONE, (Argument("command", Kind.TEXT, most=40),)),
    Command(("stop",), Level.ASKER, button=True),
    _reply("regenerate", Level.ASKER, menu=True),
    _reply("continue", Level.ASKER, menu=True),
    _reply("earlier", Level.ASKER),
    _reply("why", Level.EVERYONE, menu=True),
    _reply("rate", Level.EVERYONE, _SCORE, _REASON, _ANSWER),
    _reply("prefer", Level.EVERYONE, replace(_ANSWER, required=True)),
    Command(("undo",), Level.ASKER, menu=True),
    Command(("reset",), Level.EVERYONE, menu=True),
    Command(("usage",), Level.EVERYONE),
    Command(("privacy", "show"), Level.EVERYONE),
    Command(("privacy", "export"), Level.EVERYONE),
    Command(("privacy", "delete"), Level.EVERYONE, confirm=True),
    Command(
        ("privacy", "feedback"),
        Level.EVERYONE,
        (Argument("use", Kind.SWITCH, required=True),),
    ),
    Command(("persona", "show"), Level.EVERYONE),
    Command(("persona", "set"), Level.ADMIN, _PERSONA, window=True),
    Command(("persona", "clear"), Level.ADMIN),
    Command(("persona", "history"), Level.ADMIN),
    Command(("persona", "restore"), Level.ADMIN, (_VERSION,)),
    _setting("model", settings.MODEL),
    _setting("adapter", settings.ADAPTER),
    _setting("sampling", settings.SAMPLING, window=True),
    _setting("answers", settings.ANSWERS),
    Command(("access", "show"), Level.ADMIN),
    Command(("access", "allow"), Level.ADMIN, (*_WHOM, _WHERE)),
    Command(("access", "deny"), Level.ADMIN, (*_WHOM, _WHERE)),
    Command(("access", "remove"), Level.ADMIN, (*_WHOM, _WHERE)),
    _setting("limits", settings.LIMITS, window=True),
    _setting("retention", settings.RETENTION),
    Command(
        ("inherit",),
        Level.ADMIN,
        (Argument("setting", Kind.CHOICE, required=True, choices=tuple(settings.SETTINGS)), _WHERE),
    ),
    Command(("settings",), Level.ADMIN),
    Command(("audit",), Level.ADMIN, (Argument("page", Kind.INTEGER, least=1, most=10_000),)),
    Command(("channel", "export"), Level.ADMIN),
    Command(("channel", "wipe"), Level.ADMIN, confirm=True),
)

BY_PATH = {command.path: command for command in COMMANDS}
