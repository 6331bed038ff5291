"""The catalogue: everything that the bot says in its own words, in several languages.

A folder of TOML files for each language in `bot/words/`: keys are dotted and begin with the file's
name, values may hold `{names}`. A language that lacks a key borrows it from English, which has them
all (a test sees to both).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import structlog

from bot.errors import QuipuError

log = structlog.get_logger(__name__)

ENGLISH = "en"
FOLDER = "words"


@cache
def languages() -> tuple[str, ...]:
    """The languages that there is a folder for."""
    folders = (files("bot") / FOLDER).iterdir()
    return tuple(sorted(folder.name for folder in folders if folder.is_dir()))


@cache
def catalogue(language: str) -> Mapping[str, str]:
    """Every text of a language, by its dotted key."""
    found: dict[str, str] = {}
    for file in (files("bot") / FOLDER / language).iterdir():
        room, dot, kind = file.name.rpartition(".")
        if dot and kind == "toml":
            found |= _flat(tomllib.loads(file.read_text(encoding="utf-8")), f"{room}.")
    return found


def language_of(locale: str) -> str:
    """The language to answer in: `de-AT`, `de_DE` and `de` are German; English if there is none."""
    language = locale.replace("_", "-").partition("-")[0].lower()
    return language if language in languages() else ENGLISH


def say(key: str, locale: str = ENGLISH, **values: object) -> str:
    """The text of a key. What people wrote must be made safe by the adapter that shows it."""
    text = catalogue(language_of(locale)).get(key)
    if text is None:
        text = catalogue(ENGLISH)[key]
    return text.format_map(values) if values else text.replace("{{", "{").replace("}}", "}")


def told(error: QuipuError, locale: str) -> str:
    """What a person reads of an error: its own words, or those for its kind in their language."""
    if error.key:
        return say(error.key, locale, **error.values)
    if "notice" in vars(error):
        return error.notice
    keys = (f"conversation.failure.{kind.__name__}" for kind in type(error).__mro__)
    known = catalogue(ENGLISH)
    return next((say(key, locale) for key in keys if key in known), error.notice)


def _flat(table: Mapping[str, Any], prefix: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, value in table.items():
        key = f"{prefix}{name}"
        found += _flat(value, f"{key}.") if isinstance(value, dict) else [(key, str(value))]
    return found
