"""What is wrong with a configuration, one line for each mistake; never with a secret in it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from bot.errors import ConfigError
from bot.settings.secrets import VARIABLES, written_here
from bot.settings.sections import Settings
from bot.settings.units import allowed

PREFIX = "QUIPU_"
LONGEST = 60
"""Characters of a key or value that a line repeats."""

MAY_BE_SECRET = re.compile(r"[^\s/]{24,}|x(ox[a-z]|app)-.*|.*://[^/]*@.*", re.DOTALL)
"""Text that is not repeated, whatever key it stands under: people paste tokens anywhere."""


class Complaints:
    """Collects the lines, each with the file or the variable that it is about."""

    def __init__(self, file: Path | None) -> None:
        self._file = str(file or "configuration")
        self._lines: list[str] = []

    def sift(self, table: dict[str, Any]) -> dict[str, Any]:
        """A copy of the file's table without what has no place there, which is noted."""
        self._lines += _strange_variables()
        kept = {key: value for key, value in table.items() if key in Settings.model_fields}
        for stranger in table.keys() - kept.keys():
            self._lines.append(f"{self._file}: {_stranger(stranger, None)}")
        for section, key in VARIABLES:
            if isinstance(keys := kept.get(section), dict) and key in keys:
                kept[section] = {name: value for name, value in keys.items() if name != key}
                words = written_here(section, key)
                self._lines.append(f"{self._file}: [{section}] {key}: {words}")
        return kept

    def add_all(self, error: ValidationError) -> None:
        """Note everything that pydantic found."""
        for found in error.errors(include_url=False, include_context=False):
            section, *rest = (str(part) for part in found["loc"])
            key = rest[0] if rest else None
            if found["type"] == "extra_forbidden" and key is not None:
                self._lines.append(f"{self._source(section, key)}: {_stranger(key, section)}")
            else:
                self._lines.append(self._misfit(section, key, found["input"]))

    def raise_if_any(self) -> None:
        """ConfigError with all lines, in order, if there are any."""
        if self._lines:
            raise ConfigError("\n".join(sorted(set(self._lines))))

    def _misfit(self, section: str, key: str | None, value: object) -> str:
        if key is None:
            return f"{self._file}: {section} must be a section: [{section}]"
        field = fields_of(section)[key]
        source = self._source(section, key)
        if SecretStr in (field.annotation, *get_args(field.annotation)):
            return f"{source}: [{section}] {key} must be {allowed(field)}"
        return f"{source}: [{section}] {key} = {_shown(value)}: must be {allowed(field)}"

    def _source(self, section: str, key: str) -> str:
        wanted = f"{PREFIX}{section}__{key}".upper()
        if not _is_set(wanted):
            wanted = VARIABLES.get((section, key), wanted)
        return wanted if _is_set(wanted) else self._file


def _is_set(variable: str) -> bool:
    return any(name.upper() == variable and value for name, value in os.environ.items())


def fields_of(section: str) -> dict[str, FieldInfo]:
    """The keys of a section with their defaults and bounds."""
    annotation = Settings.model_fields[section].annotation
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return dict(kind.model_fields)
    return {}


def _writable(section: str) -> list[str]:
    """The keys that a file may hold: all but the secrets."""
    return [name for name in fields_of(section) if (section, name) not in VARIABLES]


def _stranger(key: str, section: str | None) -> str:
    """A key that is not known, and the nearest one that is."""
    if section is None:
        name, near = _key(key), _nearest_anywhere(key)
        return f"there is no section or key {name} here{near or _list(Settings.model_fields)}"
    known = _writable(section)
    close = get_close_matches(key, known, n=1)
    near = f"; did you mean {close[0]}?" if close else _nearest_anywhere(key) or _list(known)
    return f"[{section}] has no key {_key(key)}{near}"


def _nearest_anywhere(key: str) -> str:
    names = {section: f"[{section}]" for section in Settings.model_fields}
    for section in Settings.model_fields:
        for name in _writable(section):
            names.setdefault(name, f"{name} in section [{section}]")
    close = get_close_matches(key.lower(), names, n=1)
    return f"; did you mean {names[close[0]]}?" if close else ""


def _list(names: Any) -> str:
    return f"; there are {', '.join(names)}"


def _strange_variables() -> Iterator[str]:
    """Variables of the environment that look like ours and are not.

    Orchestrators invent names such as QUIPU_PORT, so a name without `__` must be close to a key.
    """
    for variable in os.environ:
        name = variable.lower()
        if not name.startswith(PREFIX.lower()):
            continue
        name = name.removeprefix(PREFIX.lower())
        section, split, key = name.partition("__")
        if split and section not in Settings.model_fields:
            close = get_close_matches(section, Settings.model_fields, n=1)
            meant = f"; did you mean {PREFIX}{close[0].upper()}__{key.upper()}?" if close else ""
            yield f"{_key(variable)}: there is no section {_key(section)}{meant}"
        elif not split:
            yield from _without_section(variable, name)


def _without_section(variable: str, name: str) -> Iterator[str]:
    section, _, key = name.partition("_")
    if section not in Settings.model_fields:
        return
    close = get_close_matches(key, fields_of(section), n=1)
    if close:
        meant = f"{PREFIX}{section}__{close[0]}".upper()
        yield f"{variable}: section and key are parted by two underscores; did you mean {meant}?"
    elif not key:
        yield f"{variable}: a section cannot be set as a whole; name a key: {variable}__KEY"


def _key(key: str) -> str:
    plain = re.fullmatch(r"[\w-]+", key)
    return _cut(key if plain else json.dumps(key))


def _shown(value: object) -> str:
    """The value as TOML has it, shortened, unless it may be a secret."""
    if isinstance(value, str) and MAY_BE_SECRET.fullmatch(value):
        return "(not shown)"
    if isinstance(value, (dict, list)):
        return "{...}" if isinstance(value, dict) else "[...]"
    if isinstance(value, (bool, str)):
        plain = isinstance(value, bool) or value.isprintable()
        return _cut(json.dumps(value, ensure_ascii=not plain))
    return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
