from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from importlib import import_module
from io import StringIO
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

import storage
from bot.errors import StorageError
from storage import SqlStore, current_revision, head_revision, open_store, upgrade
from storage.tables import metadata
from tests.storage.given import PLACE, THREAD, answer, claimed, texts

DUMP = Path(__file__).with_name("first_version.sql")
COUNTS = {
    "places": 2,
    "claims": 6,
    "replies": 6,
    "reply_parts": 2,
    "turns": 7,
    "personas": 3,
    "settings": 2,
    "audit": 3,
    "usage": 1,
}


COLUMNS = {
    "replies": "id, place_id, author_id, message_id, state, text, reason, seed",
    "places": "id, platform, workspace, channel, thread, private, first_reply_id, first_turn_id",
    "turns": "id, place_id, reply_id, role, author_id, message_id, text, tokens, said_at",
}
"""Tables that have more columns by now."""


def rows(file: Path) -> dict[str, Counter[tuple[object, ...]]]:
    with closing(sqlite3.connect(file)) as connection:
        return {
            table: Counter(connection.execute(f"SELECT {COLUMNS.get(table, '*')} FROM {table}"))  # noqa: S608
            for table in COUNTS
        }


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file as the first version left it."""
    file = tmp_path / "old.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(DUMP.read_text(encoding="utf-8"))
    return file


async def test_a_new_database_is_made_with_its_folder(file: Path) -> None:
    url = f"sqlite:///{file}"
    assert await current_revision(url) is None
    assert not file.parent.exists()
    await upgrade(url)
    assert await current_revision(url) == head_revision()
    assert file.parent.stat().st_mode & 0o077 == 0


async def test_the_stored_first_database_is_upgraded_with_all_its_rows(old: Path) -> None:
    before = rows(old)
    assert {table: found.total() for table, found in before.items()} == COUNTS
    await upgrade(f"sqlite:///{old}")
    assert await current_revision(f"sqlite:///{old}") == head_revision()
    assert rows(old) == before


async def test_answers_and_feedback_of_the_first_database_are_brought_along(old: Path) -> None:
    await upgrade(f"sqlite:///{old}")
    with closing(sqlite3.connect(old)) as connection:
        answers = connection.execute("SELECT number, text, tokens FROM answers").fetchall()
        votes = connection.execute("SELECT number, author_name, score FROM votes").fetchall()
        shown = connection.execute("SELECT shown FROM replies WHERE shown IS NOT NULL").fetchall()
    assert answers
    assert len(shown) == len(answers)
    assert len(votes) == 1


async def test_of_old_threads_those_that_hang_on_a_message_are_known_to_be_open(old: Path) -> None:
    with closing(sqlite3.connect(old)) as connection, connection:
        for platform, thread in (("discord", "m"), ("discord", "own"), ("slack", "1.2")):
            place = (f"{platform}:t/c/{thread}", platform, "t", "c", thread)
            connection.execute(
                "INSERT INTO places (id, platform, workspace, channel, thread, private, created_at)"
                " VALUES (?, ?, ?, ?, ?, 0, '2025-06-01')",
                place,
            )
        connection.execute(
            "INSERT INTO replies (place_id, author_id, author_name, author_standing, message_id,"
            " state, text, reason, claimed_at, updated_at) VALUES ('discord:t/c/m', '1', 'Ana',"
            " 'member', 'm', 'delivered', '', '', '2025-06-01', '2025-06-01')"
        )
    await upgrade(f"sqlite:///{old}")
    with closing(sqlite3.connect(old)) as connection:
        found = dict(connection.execute("SELECT id, closed FROM places").fetchall())
    assert found["discord:t/c/m"] == 0
    assert found["discord:t/c/own"] is None
    assert found["slack:t/c/1.2"] == 0
    assert found[PLACE.id] == 0
    assert found[THREAD.id] is None


async def test_work_goes_on_in_the_upgraded_first_database(old: Path) -> None:
    await upgrade(f"sqlite:///{old}")
    store = await open_store(f"sqlite:///{old}")
    assert len(await store.unfinished("discord")) == 2
    persona = await store.persona(THREAD.scopes)
    assert persona is not None
    assert persona.text == "You are a crow; answer in one line.\nCaw."
    await answer(store, next(r for r in await store.unfinished("discord") if r.parts), "Hello")
    new = await claimed(store, "new", place=THREAD)
    assert await texts(store, new) == ["text of w0", "text of w1", "Hello", "text of new"]
    await store.close()


async def test_upgrading_twice_changes_nothing(store: SqlStore, url: str, file: Path) -> None:
    await claimed(store, "m1")
    before = rows(file)
    await upgrade(url)
    assert rows(file) == before


async def test_processes_that_upgrade_at_once_do_not_get_in_each_others_way(file: Path) -> None:
    code = f"import asyncio, storage; asyncio.run(storage.upgrade({f'sqlite:///{file}'!r}))"
    running = [
        await asyncio.create_subprocess_exec(sys.executable, "-W", "error", "-c", code)
        for _ in range(3)
    ]
    assert [await process.wait() for process in running] == [0, 0, 0]
    assert await current_revision(f"sqlite:///{file}") == head_revision()


async def test_a_database_of_a_newer_version_is_refused_and_left_alone(
    url: str, raw: sqlite3.Connection
) -> None:
    raw.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StorageError, match=r"9999.*newer version"):
        await upgrade(url)
    assert await current_revision(url) == "9999"


async def test_an_upgrade_that_fails_leaves_no_half_of_itself(file: Path) -> None:
    """The first step wants to make a table that is there already."""
    file.parent.mkdir()
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE usage (mine)")
    with pytest.raises(StorageError):
        await upgrade(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("usage",)]


async def test_the_migrations_make_exactly_the_tables_that_the_program_uses(
    url: str, file: Path
) -> None:
    database = create_engine(f"sqlite:///{file}")
    with database.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    database.dispose()


def test_every_migration_can_be_written_for_postgresql() -> None:
    steps = sorted((Path(storage.__file__).parent / "migrations/versions").glob("0*.py"))
    written = StringIO()
    context = MigrationContext.configure(
        dialect_name="postgresql", opts={"as_sql": True, "output_buffer": written}
    )
    with Operations.context(context):
        for step in steps:
            import_module(f"storage.migrations.versions.{step.stem}").upgrade()
    assert "CREATE TABLE turns (\n    id BIGSERIAL NOT NULL" in written.getvalue()
    assert "TIMESTAMP WITH TIME ZONE" in written.getvalue()
    assert "WHERE role = 'assistant'" in written.getvalue()
