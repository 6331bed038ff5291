"""The generated parts of commands.md: each command from its declaration, and who may use it.

`python -m docs.commands`, in the repository's folder, writes them anew between the file's markers;
what is written by hand around them stays.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from adapters.discord.declared import menus
from bot.control.commands import COMMANDS
from bot.control.declarations import Argument, Command, Kind, Level, Target
from bot.control.records import Behaviour
from bot.control.response import Given
from bot.control.settings import ADAPTER, ANSWERS, LIMITS, MODEL, RETENTION, SAMPLING, SETTINGS
from bot.control.spelling import span, spelled
from bot.control.words import ENGLISH, say

FILE = Path(__file__).with_suffix(".md")
PART = re.compile(
    r"(<!-- (?P<name>\w+): begin -->\n)(?P<text>.*?)(<!-- (?P=name): end -->)", re.DOTALL
)
"""A named part of the file, whose text is generated."""

EXAMPLES: Mapping[str, Mapping[str, Given]] = {
    "help": {"command": "sampling"},
    "rate": {"score": "down", "reason": "Too long"},
    "prefer": {"answer": 2},
    "privacy.feedback": {"use": False},
    "persona.set": {"text": "You are a patient teacher in {channel}."},
    "persona.restore": {"version": 1},
    "model": {"model": "Code"},
    "adapter": {"adapter": "pirate"},
    "sampling": {"temperature": 0.8, "max_new_tokens": 400},
    "answers": {"when": "always"},
    "access.allow": {"role": "@teachers"},
    "access.deny": {"channel": "#random", "where": "workspace"},
    "access.remove": {"person": "@Bob"},
    "limits": {"person_messages": 50, "person_tokens": 20_000},
    "retention": {"retention": 90},
    "inherit": {"setting": "temperature"},
    "audit": {"page": 2},
}
"""What is given to each command that takes something, to show how it is written."""

WHO = {
    Level.EVERYONE: "everybody",
    Level.ASKER: "who asked the question, and admins",
    Level.ADMIN: "admins",
}
KINDS = {
    Kind.PERSON: "a person, written with @",
    Kind.ROLE: "a role (Discord) or user group (Slack), written with @",
    Kind.CHANNEL: "a channel, written with #",
    Kind.FILE: "a text file; on Slack it is chosen in the window",
}
SOURCES = {
    "models": "one of the configured models",
    "adapters": "one of the model's adapters, or `none`",
    "presets": "one of the configured presets",
    "versions": "a version of this channel's persona",
}
OFFERED: Mapping[tuple[str, ...], str] = {
    ("stop",): "while the answer is being written",
    ("continue",): "below an answer that was cut",
    ("earlier",): "once there are several answers",
    ("prefer",): "once there are two different answers",
}
LABELS = {
    "earlier": (say("button.earlier", number=2, count=2),),
    "rate": (say("button.up"), say("button.down")),
    "prefer": (say("button.prefer", number=1), say("button.prefer", number=2)),
}


def reference() -> str:
    """Every command: what it does, who may, how it is written, and its arguments."""
    return "\n".join(line for command in COMMANDS for line in _section(command)) + "\n"


def on_discord(command: Command, given: Mapping[str, Given]) -> str:
    """A command as it is typed on Discord."""
    return " ".join(
        [f"/{command.name}", *(f"{name}:{_plain(each)}" for name, each in given.items())]
    )


def on_slack(command: Command, given: Mapping[str, Given]) -> str:
    """A command as it is typed on Slack."""
    line = f"/quipu {command.name}"
    first = command.arguments[0] if command.arguments else None
    if first and first.kind in {Kind.TEXT, Kind.LONG_TEXT} and [*given] == [first.name]:
        return f"{line} {given[first.name]}"
    return " ".join([line, *(_pair(name, each) for name, each in given.items())])


def written_anew(text: str, parts: Mapping[str, str]) -> str:
    """The file with its generated parts replaced. KeyError for a part that is not known."""
    return PART.sub(lambda found: f"{found[1]}\n{parts[found['name']]}\n{found[4]}", text)


def _section(command: Command) -> Iterator[str]:
    given = EXAMPLES.get(command.key, {})
    yield f"### {command.name}\n"
    yield f"{say(f'command.{command.key}')}.\n"
    yield f"- For: {WHO[command.level]}"
    yield f"- Discord: `{on_discord(command, given)}`"
    yield f"- Slack: `{on_slack(command, given)}`"
    yield from _ways(command)
    yield ""
    if command.arguments:
        yield "| Argument | What it is | What it may be | Without it |"
        yield "| --- | --- | --- | --- |"
        yield from (_row(command, argument) for argument in command.arguments)
        yield ""


def _ways(command: Command) -> Iterator[str]:
    """How else it is used, and what comes before anything happens."""
    if command.button:
        labels = LABELS.get(command.key) or (say(f"button.{command.key}"),)
        when = OFFERED.get(command.path, "below an answer")
        yield f"- Button {when}: {', '.join(f'**{label}**' for label in labels)}"
    if command.menu:
        discord = next(name for name, each in menus(COMMANDS).items() if each is command)
        slack = say(f"slack.menu.{command.key}")
        yield f"- In the menu of a message: Discord Apps → **{discord}**, Slack ⋮ → **{slack}**"
    if command.target is Target.REPLY:
        yield "- Typed, it means the newest answer; its button or menu means the answer it is at"
    if command.window:
        yield "- Typed alone, it opens a window to fill in"
    if command.confirm:
        yield "- It asks before it does anything, and waits ten minutes for the answer"


def _row(command: Command, argument: Argument) -> str:
    what = say(f"argument.{command.key}.{argument.name}")
    cells = (f"`{argument.name}`", what, _allowed(argument), _without(command, argument))
    return f"| {' | '.join(cells)} |"


def _allowed(argument: Argument) -> str:
    if argument.source and argument.kind is not Kind.INTEGER:
        return SOURCES[argument.source]
    if argument.choices:
        return ", ".join(f"`{choice}`" for choice in argument.choices)
    match argument.kind:
        case Kind.SWITCH:
            return "`yes`, `no` (Discord: `True`, `False`)"
        case Kind.TEXT | Kind.LONG_TEXT:
            return f"up to {argument.most:,.0f} characters"
        case Kind.INTEGER | Kind.NUMBER:
            number = "whole number" if argument.kind is Kind.INTEGER else "number"
            source = f": {SOURCES[argument.source]}" if argument.source else ""
            return f"{number}, {span(argument, ENGLISH)}{source}"
    return KINDS[argument.kind]


def _without(command: Command, argument: Argument) -> str:
    """What holds where an argument is left out, or nothing is set."""
    if argument.required:
        return "needed"
    if argument.name == "where":
        return "`channel`"
    if argument.name not in SETTINGS or command.path[0] == "inherit":
        return "–"
    return f"stays; at first: {_first(argument)}"


def _first(argument: Argument) -> str:
    """The value of a setting that nobody has set and the configuration says nothing about."""
    if argument in MODEL:
        return "the configuration's first"
    if argument in ADAPTER:
        return spelled(argument.name, "", ENGLISH)
    if argument in ANSWERS:
        return spelled(argument.name, getattr(Behaviour(), argument.name), ENGLISH)
    if argument.name == "seed":
        return "another one for each answer"
    if argument in SAMPLING:
        return spelled(argument.name, None, ENGLISH)
    assert argument in (*LIMITS, *RETENTION)
    return spelled(argument.name, 0, ENGLISH)


def _plain(value: Given) -> str:
    return str(value)


def _pair(name: str, value: Given) -> str:
    if isinstance(value, bool):
        return f"{name}={'yes' if value else 'no'}"
    text = str(value)
    return f'{name}="{text}"' if " " in text else f"{name}={text}"


def main() -> None:
    """Write the file anew."""
    from tests.control.permissions import table

    parts = {"reference": reference(), "permissions": asyncio.run(table())}
    FILE.write_text(written_anew(FILE.read_text(encoding="utf-8"), parts), encoding="utf-8")


if __name__ == "__main__":
    main()
