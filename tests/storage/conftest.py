"""A migrated database on a real file, and stores on it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage import SqlStore, open_store, upgrade
from tests.storage.given import NOON


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "a folder" / "quipu.db"


@pytest.fixture
async def url(file: Path) -> str:
    url = f"sqlite:///{file}"
    await upgrade(url)
    return url


@pytest.fixture
async def store(url: str) -> AsyncIterator[SqlStore]:
    store = await open_store(url)
    yield store
    await store.close()


@pytest.fixture
def still(store: SqlStore) -> SqlStore:
    """The same one, in which it is always noon: no test is about two days at midnight."""
    return SqlStore(store.database, lambda: NOON)


@pytest.fixture
def raw(file: Path, url: str) -> Iterator[sqlite3.Connection]:
    """The same file, read by somebody else."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.row_factory = sqlite3.Row
        yield connection
