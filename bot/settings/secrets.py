"""The secrets that never stand in the file: each comes from a variable or a file of its own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr, ValidationError

from bot.errors import ConfigError
from bot.settings.units import Section, allowed

if TYPE_CHECKING:
    from bot.settings.sections import Settings

VARIABLES = {
    ("discord", "token"): "DISCORD_TOKEN",
    ("slack", "bot_token"): "SLACK_BOT_TOKEN",
    ("slack", "app_token"): "SLACK_APP_TOKEN",
    ("slack", "signing_secret"): "SLACK_SIGNING_SECRET",
    ("slack", "client_secret"): "SLACK_CLIENT_SECRET",
}
"""Section and key, and the variable; the file is named by the key with `_file` behind it."""

ASK_TO_CONNECT = ("DISCORD_TOKEN", "SLACK_BOT_TOKEN")
"""Variables that are enough to ask for their platform, without a section in the file."""


def written_here(section: str, key: str) -> str:
    """What to say to a secret in the configuration file."""
    return (
        f"a secret is not written into the configuration; set {VARIABLES[section, key]} in the "
        f"environment, or name a file that holds it: {key}_file"
    )


def take(table: dict[str, Any]) -> None:
    """Lay the variables into the file's table, which must hold none of the secrets itself."""
    for (section, key), variable in VARIABLES.items():
        value = os.environ.get(variable, "").strip()
        if not value or not (variable in ASK_TO_CONNECT or _is_asked_for(section, table)):
            continue
        keys = table.setdefault(section, {})
        if isinstance(keys, dict):
            keys[key] = value


def _is_asked_for(section: str, table: dict[str, Any]) -> bool:
    prefix = f"QUIPU_{section}__".upper()
    return section in table or any(name.upper().startswith(prefix) for name in os.environ)


def read_files(settings: Settings, read: Callable[[Path, str], str]) -> dict[str, Section]:
    """The sections with the secrets that stand in files; `read` is given path and key."""
    return {
        section: _with_files(section, getattr(settings, section), read)
        for section in dict.fromkeys(section for section, _ in VARIABLES)
        if getattr(settings, section) is not None
    }


def _with_files(name: str, section: Section, read: Callable[[Path, str], str]) -> Section:
    for key in _keys(name):
        file: Path | None = getattr(section, f"{key}_file")
        if file is not None and getattr(section, key) is None:
            section = _with(name, section, key, file, read(file, f"[{name}] {key}_file").strip())
    return section


def _with(name: str, section: Section, key: str, file: Path, value: str) -> Section:
    fields = dict(section) | {key: SecretStr(value)}
    try:
        return type(section).model_validate(fields)
    except ValidationError:
        must = allowed(type(section).model_fields[key])
        words = f"[{name}] {key}_file: {file} must hold {must} and nothing else"
        raise ConfigError(words) from None  # the cause would quote the secret


def configured(settings: Settings) -> list[str]:
    """The secrets themselves, so that they can be masked."""
    found = (
        getattr(getattr(settings, section), key)
        for section, key in VARIABLES
        if getattr(settings, section) is not None
    )
    return [secret.get_secret_value() for secret in found if secret is not None]


def _keys(section: str) -> Iterator[str]:
    return (key for owner, key in VARIABLES if owner == section)
