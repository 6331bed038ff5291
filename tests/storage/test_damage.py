"""Files damaged at random: words instead of a crash, and nothing is deleted or made worse."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import OutOfOrder, StorageError
from storage import SqlStore, backups, open_store, upgrade
from storage.inspection import glance, inspect
from storage.records import SqlRecords
from tests.storage.given import PLACE, THREAD, claimed, lived_in, said

SECRET = "her secret"
PAGE = 4096

Damage = tuple[int, bytes]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that has seen every kind of use, folded into one file."""
    file = tmp_path_factory.mktemp("whole") / "quipu.db"

    async def live() -> None:
        await upgrade(f"sqlite:///{file}")
        store = await open_store(f"sqlite:///{file}")
        await lived_in(store)
        for number in range(40):
            reply = await claimed(store, f"more{number}")
            await store.flush(reply.id, f"{SECRET} {number} " * 100)
        await store.close()

    asyncio.run(live())
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file


places = st.tuples(st.integers(0, 10**9), st.binary(min_size=1, max_size=3 * PAGE))


async def use(file: Path) -> list[StorageError]:
    """Everything that a start and an answer do; returns what was complained of."""
    found: list[StorageError] = []
    try:
        await upgrade(f"sqlite:///{file}")
        store = await open_store(f"sqlite:///{file}", busy=0.1, again=60.0)
    except StorageError as error:
        return [error]
    for step in (
        store.unfinished("discord"),
        store.claim(said("new", text=SECRET)),
        store.history(PLACE, 10**6),
        store.history(THREAD, 10**6),
        store.persona(PLACE.scopes),
        SqlRecords(store.database).stored("discord", "1"),
        store.check(),
    ):
        try:
            await step
        except StorageError as error:
            found.append(error)
    await _close(store, found)
    return found


async def _close(store: SqlStore, found: list[StorageError]) -> None:
    try:
        await store.close()
    except StorageError as error:
        found.append(error)


def told(work: Callable[..., object], *given: object) -> list[StorageError]:
    try:
        work(*given)
    except StorageError as error:
        return [error]
    return []


def damaged(file: Path, damage: list[Damage], kept: int) -> None:
    content = bytearray(file.read_bytes())
    for at, junk in damage:
        start = at % len(content)
        content[start : start + len(junk)] = junk[: len(content) - start]
    file.write_bytes(content[: len(content) * kept // 100])


@pytest.mark.slow
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(damage=st.lists(places, min_size=1, max_size=4), kept=st.sampled_from([100, 100, 100, 60]))
def test_a_file_damaged_anywhere_is_told_in_words_and_left_alone(
    whole: Path, tmp_path: Path, damage: list[Damage], kept: int
) -> None:
    for old in tmp_path.iterdir():
        old.unlink()
    file = tmp_path / "quipu.db"
    shutil.copy(whole, file)
    damaged(file, damage, kept)
    size = file.stat().st_size
    found = inspect(file)
    wrong = any(finding.severity == "error" for finding in found)
    complaints = [*told(glance, file, 5.0), *told(backups.back_up, file, tmp_path / "backup.db")]
    assert bool(complaints) != (tmp_path / "backup.db").exists()
    complaints += asyncio.run(use(file))
    assert not [each for each in complaints if SECRET in f"{each} {each.__cause__}"]
    assert not [each for each in complaints if isinstance(each, OutOfOrder)] or wrong
    assert file.stat().st_size >= size
