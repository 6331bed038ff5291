"""From the file and the environment to Settings, with everything that is wrong said at once."""

from __future__ import annotations

import os
import tomllib
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import SettingsError

from bot.errors import ConfigError
from bot.settings.agreement import disagreements
from bot.settings.complaints import MAY_BE_SECRET, Complaints
from bot.settings.secrets import read_files, take
from bot.settings.sections import PersonaSettings, Settings
from bot.settings.units import Section

DEFAULT_FILE = Path("config.toml")


def find(path: Path | None = None) -> Path | None:
    """The configuration file: the one given, `$QUIPU_CONFIG`, or config.toml here if there is one.

    Raises ConfigError when a file was asked for and is not there.
    """
    asked = path or (Path(named) if (named := os.environ.get("QUIPU_CONFIG")) else None)
    if asked is None:
        return DEFAULT_FILE if DEFAULT_FILE.is_file() else None
    if not asked.is_file():
        raise ConfigError(f"there is no configuration file {asked}")
    return asked


def load(path: Path | None = None) -> Settings:
    """The configuration from file and environment. ConfigError has one line for each mistake."""
    file = find(path)
    settings = check({} if file is None else _table(file), file)
    return _resolve(settings, file)


def check(table: dict[str, Any], file: Path | None = None) -> Settings:
    """Settings from a parsed file laid under the environment; opens no other file."""
    complaints = Complaints(file)
    table = complaints.sift(table)
    take(table)
    try:
        settings = Settings(**table)
    except ValidationError as error:
        complaints.add_all(error)
    except SettingsError:
        complaints.raise_if_any()  # a section's own variable, which `sift` has found
        raise ConfigError("a QUIPU_ variable of the environment cannot be read") from None
    complaints.raise_if_any()
    for line in disagreements(settings):
        complaints.add(line)
    complaints.raise_if_any()
    return settings


def _table(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{file} cannot be read: it is not UTF-8 text") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file} is not TOML: {error}") from error


def _resolve(settings: Settings, file: Path | None) -> Settings:
    """Read the files that the settings name; relative paths begin at the configuration file."""
    base = Path() if file is None else file.parent
    update: dict[str, Any] = {
        "persona": _with_persona(settings.persona, base),
        "data": settings.data.model_copy(update={"folder": _path(settings.data.folder, base)}),
    }
    update |= read_files(settings, partial(_secret, base=base))
    update["model"] = _based(update["model"], "name", base)
    update["models"] = tuple(_based(model, "name", base) for model in update["models"])
    update["adapters"] = tuple(_based(each, "path", base) for each in settings.adapters)
    return settings.model_copy(update=update)


def _based(section: Section, key: str, base: Path) -> Section:
    """The section with a relative folder found from the configuration file."""
    name: str = getattr(section, key)
    if not name.startswith((".", "~")):
        return section
    return section.model_copy(update={key: str(_path(Path(name), base))})


def _secret(file: Path, key: str, base: Path) -> str:
    path = _path(file, base)
    if MAY_BE_SECRET.fullmatch(str(file)) and not path.is_file():
        raise ConfigError(f"{key} must name a file; what it holds looks like the secret itself")
    return _text(path, key)


def _with_persona(persona: PersonaSettings, base: Path) -> PersonaSettings:
    if persona.file is None:
        return persona
    if "text" in persona.model_fields_set:
        raise ConfigError("[persona] has both text and file; take one of them away")
    text = _text(_path(persona.file, base), "[persona] file").strip()
    try:
        return PersonaSettings(text=text, file=persona.file)
    except ValidationError as error:
        raise ConfigError("[persona] file must hold at most 16,000 characters") from error


def _text(path: Path, key: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{key}: {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{key}: {path} is not UTF-8 text") from error


def _path(path: Path, base: Path) -> Path:
    try:
        return base / path.expanduser()
    except RuntimeError as error:
        raise ConfigError(f"{path}: there is no such home folder") from error
