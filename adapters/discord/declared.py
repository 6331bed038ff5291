"""The table of commands as Discord's application commands, ready to be registered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bot.control.declarations import Argument, Command, Kind
from bot.control.spelling import chosen
from bot.control.words import ENGLISH, catalogue, languages

CHAT_INPUT, MESSAGE_MENU = 1, 3
SUBCOMMAND = 1
STRING = 3
OPTION_TYPES = {
    Kind.TEXT: STRING,
    Kind.LONG_TEXT: STRING,
    Kind.CHOICE: STRING,
    Kind.INTEGER: 4,
    Kind.SWITCH: 5,
    Kind.PERSON: 6,
    Kind.CHANNEL: 7,
    Kind.ROLE: 8,
    Kind.NUMBER: 10,
    Kind.FILE: 11,
}
# What holds conversations: channels for text, announcements, voice, stages and forums, and threads.
# A category holds channels, and no Place knows it. Discord's description of this lacks media (16).
HOLD_CONVERSATIONS = (0, 2, 5, 10, 11, 12, 13, 15)
MOST_CHOICES = 25
MOST_MENUS = 5
LONGEST_DESCRIPTION = 100
LONGEST_OPTION = 6000
# Our languages by Discord's names for them, where those differ.
LOCALES = {"es": ("es-ES", "es-419"), "pt": ("pt-BR",), "sv": ("sv-SE",), "zh": ("zh-CN",)}
# In guilds and in direct messages, of a bot that guilds install.
EVERYWHERE = {"contexts": [0, 1], "integration_types": [0]}

Json = dict[str, Any]


def application_commands(commands: Iterable[Command]) -> list[Json]:
    """Every command with its options, and the message menus; no permissions, the core decides."""
    commands = tuple(commands)
    found: dict[str, Json] = {}
    for command in commands:
        top, *rest = command.path
        if not rest:
            found[top] = _slash(top, f"command.{command.key}", _options(command))
            continue
        group = found.setdefault(top, _slash(top, f"command.group.{top}", []))
        words = _described(f"command.{command.key}", rest[0])
        sub = {"type": SUBCOMMAND, "name": rest[0], "options": _options(command)} | words
        group["options"].append(sub)
    return [*found.values(), *(_menu(name, one) for name, one in menus(commands).items())]


def menus(commands: Iterable[Command]) -> Mapping[str, Command]:
    """The commands that a message's menu offers, by the names that they have there."""
    words = catalogue(ENGLISH)
    offered = [command for command in commands if command.menu][:MOST_MENUS]
    return {words.get(f"discord.menu.{one.key}", one.name.capitalize()): one for one in offered}


def _slash(name: str, key: str, options: list[Json]) -> Json:
    described = _described(key, name)
    return {"type": CHAT_INPUT, "name": name, "options": options} | described | EVERYWHERE


def _menu(name: str, command: Command) -> Json:
    others = _others(lambda language: catalogue(language).get(f"discord.menu.{command.key}"))
    return {"type": MESSAGE_MENU, "name": name} | _localized("name", others) | EVERYWHERE


def _options(command: Command) -> list[Json]:
    # Discord wants the required ones first.
    ordered = sorted(command.arguments, key=lambda argument: not argument.required)
    return [_option(command, argument) for argument in ordered]


def _option(command: Command, argument: Argument) -> Json:
    described = _described(f"argument.{command.key}.{argument.name}", argument.name)
    option: Json = {"type": OPTION_TYPES[argument.kind], "name": argument.name} | described
    if argument.required:
        option["required"] = True
    if argument.kind is Kind.CHANNEL:
        option["channel_types"] = list(HOLD_CONVERSATIONS)
    if argument.source or len(argument.choices) > MOST_CHOICES:
        option["autocomplete"] = True
    elif argument.choices:
        option["choices"] = [_choice(argument, one) for one in argument.choices]
    return option | _range(argument)


def _choice(argument: Argument, value: str) -> Json:
    others = _others(lambda language: chosen(argument.name, value, language))
    return {"name": value, "value": value} | _localized("name", others)


def _range(argument: Argument) -> Json:
    bounds = {"min": argument.least, "max": argument.most}
    match argument.kind:
        case Kind.INTEGER:
            return {f"{end}_value": int(at) for end, at in bounds.items() if at is not None}
        case Kind.NUMBER:
            return {f"{end}_value": at for end, at in bounds.items() if at is not None}
        case Kind.TEXT | Kind.LONG_TEXT:
            lengths = {f"{end}_length": int(at) for end, at in bounds.items() if at is not None}
            return {name: min(length, LONGEST_OPTION) for name, length in lengths.items()}
    return {}


def _described(key: str, plain: str) -> Json:
    """The description in every language that has one; `plain` where not even English has it."""
    english = catalogue(ENGLISH).get(key) or plain.replace("_", " ").capitalize()
    others = _others(lambda language: catalogue(language).get(key))
    cut = {locale: _cut(words) for locale, words in others.items()}
    return {"description": _cut(english)} | _localized("description", cut)


def _others(said: Callable[[str], str | None]) -> dict[str, str]:
    """What is said in every language but English that has words for it, by Discord's locales."""
    return {
        locale: words
        for language in languages()
        if language != ENGLISH and (words := said(language))
        for locale in LOCALES.get(language, (language,))
    }


def _localized(field: str, others: Mapping[str, str]) -> Json:
    return {f"{field}_localizations": dict(others)} if others else {}


def _cut(words: str) -> str:
    short = words.replace("`", "").strip()
    return short if len(short) <= LONGEST_DESCRIPTION else short[: LONGEST_DESCRIPTION - 1] + "…"
