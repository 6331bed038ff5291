"""What is wrong with a configuration, one line for each mistake; never with a secret in it."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from bot.errors import ConfigError
from bot.settings.secrets import VARIABLES, is_secret, written_here
from bot.settings.sections import Settings
from bot.settings.units import allowed

PREFIX = "QUIPU_"
LONGEST = 60
"""Characters of a key or value that a line repeats."""

NAMED = "text of 1 to 16,000 characters"
"""What a section takes whose keys are names that somebody thought of."""

MAY_BE_SECRET = re.compile(r"[^\s/]{24,}|x(ox[a-z]|app)-.*|.*://[^/]*@.*", re.DOTALL)
"""Text that is not repeated, whatever key it stands under: people paste tokens anywhere."""


@dataclass(frozen=True, slots=True)
class Spot:
    """Where in the configuration a mistake is; `number` counts the tables of a list from 1."""

    section: str
    number: int | None = None
    key: str | None = None

    @classmethod
    def of(cls, location: tuple[int | str, ...]) -> Spot:
        """From where pydantic found it."""
        section, *rest = location
        number = None
        if is_list(str(section)) and rest and isinstance(rest[0], int):
            number, rest = rest[0] + 1, rest[1:]
        return cls(str(section), number, str(rest[0]) if rest else None)

    @property
    def name(self) -> str:
        """The section as the file has it."""
        return f"[{self.section}]" if self.number is None else f"[[{self.section}]] {self.number}"

    @property
    def where(self) -> str:
        """The name before a key."""
        return self.name if self.number is None else f"{self.name}:"


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
        return {section: self._without_secrets(section, kept[section]) for section in kept}

    def add_all(self, error: ValidationError) -> None:
        """Note everything that pydantic found."""
        for found in error.errors(include_url=False, include_context=False):
            spot = Spot.of(found["loc"])
            if found["type"] == "extra_forbidden" and spot.key is not None:
                stranger = _stranger(spot.key, spot.section, spot.name)
                self._lines.append(f"{self._source(spot)}: {stranger}")
            elif found["type"] == "missing" and spot.key is not None:
                must = allowed(fields_of(spot.section)[spot.key])
                self.add(f"{spot.where} {spot.key} is missing: it must be {must}")
            else:
                self._lines.append(self._misfit(spot, found["input"]))

    def add(self, line: str) -> None:
        """Note something else that is wrong with the file."""
        self._lines.append(f"{self._file}: {line}")

    def raise_if_any(self) -> None:
        """ConfigError with all lines, in order, if there are any."""
        if self._lines:
            raise ConfigError("\n".join(sorted(set(self._lines))))

    def _without_secrets(self, section: str, value: Any) -> Any:
        """The section, or its list of tables, without keys that stand elsewhere, all noted."""
        if is_list(section) and isinstance(value, list):
            tables = [(Spot(section, n), table) for n, table in enumerate(value, start=1)]
            return [self._sifted(spot, table) for spot, table in tables]
        return self._sifted(Spot(section), value)

    def _sifted(self, spot: Spot, table: Any) -> Any:
        if not isinstance(table, dict):
            return table
        secrets = [key for key, value in table.items() if is_secret(spot.section, key, value)]
        for key in secrets:
            words = written_here(spot.section, key)
            self._lines.append(f"{self._file}: {spot.where} {key}: {words}")
        return {key: value for key, value in table.items() if key not in secrets}

    def _misfit(self, spot: Spot, value: object) -> str:
        if spot.key is None:
            return f"{self._file}: {_about_shape(spot)}"
        field = fields_of(spot.section).get(spot.key)
        source = self._source(spot)
        if field is None:
            return f"{source}: {spot.where} {_key(spot.key)} must be {NAMED}"
        if SecretStr in (field.annotation, *get_args(field.annotation)):
            return f"{source}: {spot.where} {spot.key} must be {allowed(field)}"
        return f"{source}: {spot.where} {spot.key} = {_shown(value)}: must be {allowed(field)}"

    def _source(self, spot: Spot) -> str:
        if spot.number is not None:
            return self._file
        wanted = f"{PREFIX}{spot.section}__{spot.key}".upper()
        if not _is_set(wanted):
            wanted = VARIABLES.get((spot.section, str(spot.key)), wanted)
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


def is_list(section: str) -> bool:
    """Whether a section may stand in the file several times, as [[section]]."""
    field = Settings.model_fields.get(section)
    return field is not None and get_origin(field.annotation) is tuple


def titled(section: str) -> str:
    """How a section is begun in the file."""
    return f"[[{section}]]" if is_list(section) else f"[{section}]"


def _about_shape(spot: Spot) -> str:
    if spot.number is not None:
        return f"{spot.name} must be a section: {titled(spot.section)}"
    if is_list(spot.section):
        return f"{spot.section} must be sections, each begun with {titled(spot.section)}"
    return f"{spot.section} must be a section: {titled(spot.section)}"


def _writable(section: str) -> list[str]:
    """The keys that a file may hold: all but the secrets."""
    return [name for name in fields_of(section) if not is_secret(section, name)]


def _stranger(key: str, section: str | None, name: str = "") -> str:
    """A key that is not known, and the nearest one that is."""
    if section is None:
        name, near = _key(key), _nearest_anywhere(key)
        return f"there is no section or key {name} here{near or _list(Settings.model_fields)}"
    known = _writable(section)
    close = get_close_matches(key, known, n=1)
    near = f"; did you mean {close[0]}?" if close else _nearest_anywhere(key) or _list(known)
    return f"{name} has no key {_key(key)}{near}"


def _nearest_anywhere(key: str) -> str:
    names = {section: titled(section) for section in Settings.model_fields}
    for section in Settings.model_fields:
        for name in _writable(section):
            names.setdefault(name, f"{name} in section {titled(section)}")
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
        if is_list(section):
            words = f"{titled(section)} stands in the configuration file alone"
            yield f"{_key(variable)}: {words}; the environment can set keys of single sections"
        elif split and section not in Settings.model_fields:
            close = get_close_matches(section, Settings.model_fields, n=1)
            meant = f"; did you mean {PREFIX}{close[0].upper()}__{key.upper()}?" if close else ""
            yield f"{_key(variable)}: there is no section {_key(section)}{meant}"
        elif not split:
            yield from _without_section(variable, name)


def _without_section(variable: str, name: str) -> Iterator[str]:
    section, _, key = name.partition("_")
    if section not in Settings.model_fields or is_list(section):
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
