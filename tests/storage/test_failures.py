from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import create_async_engine

from bot.errors import StorageError
from bot.extras import to_install
from bot.operation.facts import Fact, TransactionEnded
from storage import SqlStore, current_revision, open_store, upgrade
from storage.address import read, shown
from storage.database import Database
from storage.failures import translated
from tests.storage.breaking import full
from tests.storage.given import FINISH, NOON, PROMPT, claimed, lived_in, said


async def test_a_database_that_was_not_upgraded_says_what_to_do(file: Path) -> None:
    store = await open_store(f"sqlite:///{file}")
    for question in (store.check(), store.claim(said("m1")), store.persona(["x"])):
        with pytest.raises(StorageError, match="run `quipu db upgrade`"):
            await question
    await store.close()


async def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    file = tmp_path / "letter.db"
    file.write_text("Dear Sir or Madam, " * 100)
    with pytest.raises(StorageError, match=r"letter\.db is no SQLite database"):
        await upgrade(f"sqlite:///{file}")
    assert file.read_text().startswith("Dear Sir")


async def test_a_folder_that_cannot_be_made_says_where(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(StorageError, match="taken"):
        await open_store(f"sqlite:///{tmp_path}/taken/quipu.db")


async def test_a_folder_in_place_of_the_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="cannot be opened"):
        await upgrade(f"sqlite:///{tmp_path}")


async def test_a_full_disk_is_told_apart_and_passes(
    store: SqlStore, raw: sqlite3.Connection
) -> None:
    reply = await claimed(store, "m1")
    async with full(store.database):
        with pytest.raises(StorageError, match="the disk is full"):
            await store.flush(reply.id, "x" * 1_000_000)
    await store.well()
    await store.flush(reply.id, "small")
    assert raw.execute("SELECT text FROM replies").fetchone()[0] == "small"


async def test_a_lock_held_by_another_process_is_told_apart(file: Path, url: str) -> None:
    impatient = create_async_engine(f"sqlite+aiosqlite:///{file}", connect_args={"timeout": 0})
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="is locked by another process"), translated(str(file)):
        async with impatient.begin() as connection:
            await connection.exec_driver_sql("DELETE FROM claims")
    holder.close()
    await impatient.dispose()


async def test_readers_do_not_wait_for_a_writer(store: SqlStore, file: Path) -> None:
    reply = await claimed(store, "m1")
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    async with asyncio.timeout(5):
        [found] = await store.unfinished("discord")
        await store.check()
    assert found == reply
    waiting = asyncio.create_task(store.flush(reply.id, "later"))
    async with asyncio.timeout(5):
        assert [r.text for r in await store.unfinished("discord")] == [""]
    holder.execute("COMMIT")
    holder.close()
    await waiting
    assert [r.text for r in await store.unfinished("discord")] == ["later"]


async def test_what_the_file_promises_is_set_on_every_connection(url: str) -> None:
    database = Database(read(url))

    def settings(connection: object) -> list[object]:
        ask: Callable[[str], object] = connection.exec_driver_sql  # type: ignore[attr-defined]
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [ask(f"PRAGMA {name}").scalar() for name in names]  # type: ignore[attr-defined]

    assert await database.read(settings) == ["wal", 2, 1]
    assert await database.write(settings) == ["wal", 2, 1]
    await database.close()


async def test_a_value_beyond_the_columns_is_a_storage_error(store: SqlStore) -> None:
    with pytest.raises(StorageError):
        await store.claim(
            type(said("m1"))(said("m").place, said("m").author, "x", "m", NOON.replace(tzinfo=None))
        )
    assert await store.unfinished("discord") == []


async def test_errors_never_hold_what_people_said(store: SqlStore, raw: sqlite3.Connection) -> None:
    reply = await claimed(store, "m0")
    raw.execute("DROP TABLE turns")
    with pytest.raises(StorageError) as failure:
        await store.claim(said("m1", text="my secret"))
    chain = f"{failure.value!r} {failure.value.__cause__!r} {failure.value.__cause__}"
    assert "my secret" not in chain
    with pytest.raises(StorageError):
        await store.complete(reply.id, "its secret", FINISH, PROMPT)
    [unchanged] = await store.unfinished("discord")
    assert unchanged == reply


async def test_a_damaged_byte_costs_its_letter_and_not_the_answer(
    store: SqlStore, raw: sqlite3.Connection
) -> None:
    await claimed(store, "m1")
    raw.execute("UPDATE replies SET text = CAST(x'6d7920ff' AS TEXT)")
    assert [reply.text for reply in await store.unfinished("discord")] == ["my \ufffd"]


async def test_a_damaged_value_is_told_without_its_words(
    store: SqlStore, raw: sqlite3.Connection
) -> None:
    await claimed(store, "m1")
    raw.execute("UPDATE replies SET state = 'my secret'")
    with pytest.raises(StorageError, match="holds something that cannot be read") as failure:
        await store.unfinished("discord")
    assert "my secret" not in str(failure.value)
    assert failure.value.__cause__ is None
    assert "quipu db restore" in failure.value.mend


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://quipu:hunter2@127.0.0.1:1/quipu?password=hunter2",
        "postgresql+nodriver://quipu:hunter2@db.example/quipu",
        "mysql://quipu:hunter2@db.example/quipu",
        "quipu:hunter2@db.example",
        "postgresql://quipu:hunter2@db.example:port/quipu",
    ],
)
async def test_errors_never_hold_the_password(url: str) -> None:
    with pytest.raises(StorageError) as failure:
        await current_revision(url)
    assert "hunter2" not in str(failure.value)


async def test_a_missing_driver_of_postgresql_is_named_with_its_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    with pytest.raises(StorageError) as failure:
        await current_revision("postgresql://quipu@127.0.0.1:1/quipu")
    assert str(failure.value).endswith(f"the driver 'asyncpg': {to_install('postgresql')}")
    assert failure.value.mend == "install the driver"


def test_an_address_is_shown_without_its_secrets() -> None:
    assert shown(read("postgresql://me:hunter2@db/quipu?x=hunter2")) == "postgresql://db/quipu"
    assert shown(read("sqlite:////data/quipu.db")) == "/data/quipu.db"
    assert shown(read("sqlite://")) == "the database in memory"


async def test_the_loop_is_never_blocked(store: SqlStore) -> None:
    with blockbuster_ctx():
        await lived_in(store)
        unfinished = await store.unfinished("discord")
        await store.close()
    assert len(unfinished) == 2


class UndefinedTable(Exception):
    sqlstate = "42P01"


def test_tables_that_postgresql_misses_are_told_apart_too() -> None:
    with pytest.raises(StorageError, match="quipu db upgrade"), translated("quipu"):
        raise OperationalError("SELECT", {}, UndefinedTable("relation does not exist"))


def test_an_unknown_failure_keeps_the_drivers_words() -> None:
    with pytest.raises(StorageError, match=r"quipu did not do.*strange"), translated("quipu"):
        raise OperationalError("SELECT", {}, RuntimeError("strange"))


async def test_a_try_to_write_reaches_the_file_and_changes_nothing(
    store: SqlStore, raw: sqlite3.Connection
) -> None:
    before = raw.execute("SELECT version_num FROM alembic_version").fetchall()[0][0]
    seen = raw.execute("PRAGMA data_version").fetchone()[0]
    await store.try_to_write()
    assert raw.execute("PRAGMA data_version").fetchone()[0] != seen
    assert raw.execute("SELECT version_num FROM alembic_version").fetchall()[0][0] == before
    assert await store.size() == raw.execute("PRAGMA page_count").fetchone()[0] * 4096


async def test_every_transaction_is_told_with_its_time_and_whether_it_failed(url: str) -> None:
    facts: list[TransactionEnded] = []

    class Notes:
        def note(self, fact: Fact) -> None:
            assert isinstance(fact, TransactionEnded)
            facts.append(fact)

    store = await open_store(url, Notes())
    await store.check()
    await store.try_to_write()
    with pytest.raises(StorageError):
        await store.database.write(lambda c: c.exec_driver_sql("SELECT nonsense"))
    await store.close()
    told = [(fact.operation, fact.failed) for fact in facts]
    assert told == [("read", False), ("write", False), ("write", True)]
    assert all(0 < fact.seconds < 10 for fact in facts)
