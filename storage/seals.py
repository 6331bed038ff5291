"""Tokens as they lie in the database: sealed with a key that lies elsewhere."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from bot.errors import ConfigError, StorageError

SEALED = "gAAAA"
"""How every sealed text begins, and none of Slack's tokens."""
KEY_FILE = "slack-tokens.key"
URL_SAFE = str.maketrans("+/", "-_")
"""Both ways of writing base64 are taken."""


class Seals:
    """Seals with the first key, opens with any: to change keys, put a new one before the others."""

    def __init__(self, keys: Sequence[str]) -> None:
        try:
            made = [Fernet(key) for key in keys]
        except ValueError as error:
            raise ConfigError(
                "[slack] token_key must be 32 bytes in base64, as `openssl rand -base64 32` "
                "writes them; several with commas between, the newest first"
            ) from error
        self._first = made[0]
        self._all = MultiFernet(made)

    def seal(self, token: str | None) -> str | None:
        """The token as it is kept."""
        return self._first.encrypt(token.encode()).decode() if token else token

    def open(self, kept: str | None) -> str | None:
        """The token itself, also one that was kept as it is. StorageError without its key."""
        if not kept or not kept.startswith(SEALED):
            return kept
        try:
            return self._all.decrypt(kept).decode()
        except InvalidToken as error:
            raise StorageError(
                "the tokens of Slack's workspaces are sealed with a key that is not there: put it "
                "back (SLACK_TOKEN_KEY, [slack] token_key_file or "
                f"{KEY_FILE} in the data folder), or have the workspaces install the app again"
            ) from error

    def is_newest(self, kept: str | None) -> bool:
        """Whether it is sealed with the first key."""
        if not kept:
            return True
        try:
            self._first.decrypt(kept)
        except InvalidToken:
            return False
        return True


def seals(configured: str | None, folder: Path) -> Seals:
    """With the keys of the configuration, else with one in the data folder, made if need be."""
    if configured:
        return Seals([key.strip().translate(URL_SAFE) for key in configured.split(",")])
    file = folder / KEY_FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            made = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return Seals([file.read_text(encoding="ascii").strip()])
        with os.fdopen(made, "wb") as stream:
            stream.write(key := Fernet.generate_key())
    except OSError as error:
        raise ConfigError(f"{file} cannot be used: {error.strerror or error}") from error
    return Seals([key.decode()])
