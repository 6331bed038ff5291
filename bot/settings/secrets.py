"""The secrets that never stand in the file: each comes from a variable or a file of its own."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
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
    ("slack", "token_key"): "SLACK_TOKEN_KEY",
    ("model", "api_key"): "QUIPU_MODEL__API_KEY",
}
"""Section and key, and the variable; the file is named by the key with `_file` behind it."""

KEY_OF_A_MODEL = "api_key"
"""Each model names its own file or variable, so that no key goes to another one's endpoint."""

ADDRESS = ("database", "url")
PASSWORD = re.compile(r"://[^/@]*:[^/]*@")
"""In an address, of which it is masked wherever that is shown."""

ASK_TO_CONNECT = ("DISCORD_TOKEN", "SLACK_BOT_TOKEN")
"""Variables that are enough to ask for their platform, without a section in the file."""


def is_secret(section: str, key: str, value: object = None) -> bool:
    """Whether a key, or this value of it, may not stand in the configuration file."""
    if (section, key) == ADDRESS:
        return isinstance(value, str) and bool(PASSWORD.search(value))
    return (section, key) in VARIABLES or (section, key) == ("models", KEY_OF_A_MODEL)


def written_here(section: str, key: str) -> str:
    """What to say to a secret in the configuration file."""
    if (section, key) == ADDRESS:
        return "a password is not written here; set QUIPU_DATABASE__URL to all of it"
    variable = VARIABLES.get((section, key))
    elsewhere = (
        f"name a variable that holds it: {key}_variable"
        if variable is None
        else f"set {variable} in the environment"
    )
    return (
        f"a secret is not written into the configuration; {elsewhere}, or name a file that "
        f"holds it: {key}_file"
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


def read_files(settings: Settings, read: Callable[[Path, str], str]) -> dict[str, Any]:
    """The sections with the secrets that stand in files; `read` is given path and key."""
    single: dict[str, Any] = {
        section: _from_files(f"[{section}]", getattr(settings, section), _keys(section), read)
        for section in dict.fromkeys(section for section, _ in VARIABLES)
        if getattr(settings, section) is not None
    }
    models = tuple(
        _from_files(f"[[models]] {number}:", model, [KEY_OF_A_MODEL], read)
        for number, model in enumerate(settings.models, start=1)
    )
    return single | {"models": models}


def _from_files(
    where: str, section: Section, keys: Iterable[str], read: Callable[[Path, str], str]
) -> Section:
    for key in keys:
        section = _from_variable(where, section, key)
        file: Path | None = getattr(section, f"{key}_file")
        if file is not None and getattr(section, key) is None:
            spot = f"{where} {key}_file"
            section = _with(f"{spot}: {file}", section, key, read(file, spot).strip())
    return section


def _from_variable(where: str, section: Section, key: str) -> Section:
    """The section with the secret from the variable that it names, if it names one."""
    variable: str | None = getattr(section, f"{key}_variable", None)
    if variable is None or getattr(section, key) is not None:
        return section
    spot = f"{where} {key}_variable"
    if value := os.environ.get(variable, "").strip():
        return _with(f"{spot}: {variable}", section, key, value)
    if getattr(section, f"{key}_file") is None:
        raise ConfigError(f"{spot}: the variable {variable} is not set in the environment")
    return section


def _with(source: str, section: Section, key: str, value: str) -> Section:
    fields = {name: getattr(section, name) for name in section.model_fields_set}
    try:
        return type(section).model_validate(fields | {key: SecretStr(value)})
    except ValidationError:
        must = allowed(type(section).model_fields[key])
        # the cause would quote the secret
        raise ConfigError(f"{source} must hold {must} and nothing else") from None


def configured(settings: Settings) -> list[str]:
    """The secrets themselves, so that they can be masked."""
    found = [
        getattr(getattr(settings, section), key)
        for section, key in VARIABLES
        if getattr(settings, section) is not None
    ]
    found += [getattr(model, KEY_OF_A_MODEL) for model in settings.models]
    values = [secret.get_secret_value() for secret in found if secret is not None]
    parts = [part.strip() for value in values if "," in value for part in value.split(",")]
    return values + parts


def _keys(section: str) -> Iterator[str]:
    return (key for owner, key in VARIABLES if owner == section)
