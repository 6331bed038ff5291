"""Tokens of workspaces: sealed in the database, opened with any key that is named, sealed anew."""

from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import ConfigError, StorageError
from storage import SqlStore, slack_installations
from storage.installations import SlackInstallations
from storage.seals import KEY_FILE, Seals, seals
from tests.storage.test_installations import installation, token

OLD, NEW = (Fernet.generate_key().decode() for _ in range(2))
SECRET = "xoxb-1234567890-0987654321-abcdefghijklmnopqrstuvwx"


def opened(store: SqlStore, folder: Path, keys: str | None = None) -> SlackInstallations:
    return slack_installations(store, "1.2", folder=folder, keys=keys)


def kept(raw: sqlite3.Connection) -> list[str]:
    query = "SELECT bot_token FROM slack_bots UNION ALL SELECT bot_token FROM slack_installations"
    return [row[0] for row in raw.execute(query)]


def written(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.glob("*.db*"))


async def test_no_byte_of_the_database_is_a_token(
    store: SqlStore, raw: sqlite3.Connection, tmp_path: Path
) -> None:
    slack = opened(store, tmp_path)
    await slack.installations.async_save(installation(token=SECRET))
    assert await token(slack) == SECRET
    assert len(kept(raw)) == 2
    assert SECRET.encode() not in written(tmp_path)
    assert SECRET[-12:].encode() not in written(tmp_path)


async def test_without_a_key_one_is_made_for_this_user_alone(
    store: SqlStore, tmp_path: Path
) -> None:
    folder = tmp_path / "data"
    await opened(store, folder).installations.async_save(installation(token=SECRET))
    assert stat.S_IMODE((folder / KEY_FILE).stat().st_mode) == 0o600
    assert await token(opened(store, folder)) == SECRET


async def test_what_was_kept_as_it_is_is_sealed_when_it_is_found(
    store: SqlStore, raw: sqlite3.Connection, tmp_path: Path
) -> None:
    await opened(store, tmp_path, OLD).installations.async_save(installation(token=SECRET))
    for table in ("slack_bots", "slack_installations"):
        raw.execute(f"UPDATE {table} SET bot_token = ?", (SECRET,))  # noqa: S608  our own names
    raw.commit()
    assert await token(opened(store, tmp_path, OLD)) == SECRET
    assert SECRET not in kept(raw)


async def test_keys_are_changed_by_naming_the_new_one_first(
    store: SqlStore, raw: sqlite3.Connection, tmp_path: Path
) -> None:
    await opened(store, tmp_path, OLD).installations.async_save(installation(token=SECRET))
    before = kept(raw)
    assert await token(opened(store, tmp_path, f"{NEW}, {OLD}")) == SECRET
    assert not set(before) & set(kept(raw))
    assert await token(opened(store, tmp_path, NEW)) == SECRET
    with pytest.raises(StorageError, match="SLACK_TOKEN_KEY"):
        await token(opened(store, tmp_path, OLD))


def test_a_token_of_slacks_fits_into_its_column() -> None:
    assert len(Seals([NEW]).seal("x" * 79) or "") <= 200


@pytest.mark.parametrize("key", ["x", "A" * 43, "A" * 80, "ä" * 43 + "=", ","])
def test_a_key_that_is_none_says_how_one_is_made(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigError, match="openssl rand -base64 32"):
        seals(key, tmp_path)


def test_a_key_as_openssl_writes_it_is_taken(tmp_path: Path) -> None:
    made = seals("+/" * 21 + "A=", tmp_path)
    assert made.open(made.seal(SECRET)) == SECRET


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match=KEY_FILE):
        seals(None, tmp_path / "file")


@given(st.text(min_size=1, max_size=60))
def test_what_is_sealed_is_opened_and_changed_by_nobody(text: str) -> None:
    mine, other = Seals([NEW]), Seals([OLD])
    sealed = mine.seal(text.encode("utf-8", "replace").decode())
    assert sealed is not None
    assert mine.open(sealed) == text.encode("utf-8", "replace").decode()
    for spoilt in (other.seal("x"), sealed[:-5] + "AAAA="):
        with pytest.raises(StorageError):
            mine.open(spoilt)
