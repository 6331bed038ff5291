"""The version of a database: which it has, which this program knows, and the way up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import text
from sqlalchemy.engine import URL, Connection

from bot.errors import StorageError
from storage import address, backups
from storage.database import connect
from storage.failures import translated
from storage.hold import hold
from storage.restored import refuse_half_restored

log = structlog.get_logger(__name__)

_T = TypeVar("_T")

_MIGRATIONS = Path(__file__).parent / "migrations"
# Any number will do, as long as every Quipu asks for the same one.
_UPGRADE_LOCK = 7_185_116


def head_revision() -> str:
    """The newest revision that this program knows."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise StorageError("this installation has no database migrations; install Quipu again")
    return head


async def current_revision(url: str) -> str | None:
    """The revision of the database, None if it has none yet. Makes no file."""
    where = address.read(url)
    path = address.file(where)
    if path is not None and not await asyncio.to_thread(_is_there, path):
        return None
    return await _run(where, _revision, writes=False)


def _is_there(path: Path) -> bool:
    refuse_half_restored(path)
    return path.exists()


async def upgrade(url: str, *, held: bool = False, to: str = "head") -> None:
    """Bring the database to the newest revision, in one transaction; a new one is made.

    A file that is changed is backed up before. StorageError if it was written by a newer version,
    or if Quipu runs on it, unless the caller has `held` it. Two processes may call it at once.
    """
    where = address.read(url)
    await make_folder(where)
    # Alembic reads and runs files, so it gets a thread, and the loop stays free.
    await asyncio.to_thread(_upgrade, url, where, held=held, to=to)


def _upgrade(url: str, where: URL, *, held: bool, to: str) -> None:
    revision = asyncio.run(current_revision(url))
    # A running Quipu would find other tables than it knows.
    changes = revision is not None and revision != head_revision()
    with hold(url) if changes and not held else nullcontext():
        work = partial(migrate, file=address.file(where), to=to)
        asyncio.run(_run(where, work, writes=True))


async def make_folder(url: URL) -> None:
    """Make the folder of a SQLite file, closed to other users: conversations will lie in it."""
    path = address.file(url)
    if path is not None:
        with translated(address.shown(url)):
            await asyncio.to_thread(path.parent.mkdir, parents=True, exist_ok=True, mode=0o700)


def migrate(connection: Connection, *, file: Path | None = None, to: str = "head") -> None:
    """Run the missing migrations inside the transaction that is open; `file` is backed up."""
    if connection.dialect.name == "postgresql":
        # SQLite's writer holds the only lock already.
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
    revision = _revision(connection)
    if revision == head_revision():
        return
    refuse_unknown(revision)
    if file is not None and revision is not None:
        # Others can still read it, and this transaction has changed nothing yet.
        target = backups.before_upgrade(file, revision, datetime.now(UTC))
        backups.back_up(file, target)
        log.info("backed up before the upgrade", file=str(target), revision=revision)
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, to)
    _check_foreign_keys(connection)


def write_again(connection: Connection) -> None:
    """Write what is there already, by way of something else: the same would not reach the disk."""
    revision = _revision(connection)
    if revision is None:  # in memory, where nothing can go wrong
        return
    for each in ("", revision):
        connection.execute(text("UPDATE alembic_version SET version_num = :each"), {"each": each})


def size(connection: Connection) -> int:
    """Bytes that the database takes."""
    if connection.dialect.name == "postgresql":
        query = "SELECT pg_database_size(current_database())"
    else:
        query = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    return int(connection.execute(text(query)).scalar_one())


def refuse_unknown(revision: str | None, database: str = "the database") -> None:
    """StorageError if a newer version wrote this."""
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise StorageError(
            f"{database} has revision {revision}, which this version of Quipu does not know "
            f"(its newest is {head_revision()}); install the newer version that wrote it, "
            "or restore a backup made before",
            mend="install the version that wrote it, or `quipu db restore` a backup made before",
        )


def _check_foreign_keys(connection: Connection) -> None:
    """SQLite rebuilds a table to alter it, for which its foreign keys rest; look afterwards."""
    if connection.dialect.name != "sqlite":
        return
    if broken := connection.exec_driver_sql("PRAGMA foreign_key_check").first():
        raise StorageError(f"the migration would leave rows of {broken[0]} without their parents")


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


async def _run(url: URL, work: Callable[[Connection], _T], *, writes: bool) -> _T:
    engine = connect(url, writes=writes, size=1, foreign_keys=False)
    with translated(address.shown(url)):
        try:
            async with engine.begin() as connection:
                return await connection.run_sync(work)
        except CommandError as error:
            raise StorageError(f"{address.shown(url)} cannot be upgraded: {error}") from error
        finally:
            await engine.dispose()


def _config() -> Config:
    config = Config()
    # Alembic's configuration reads a lone percent sign as the start of a name.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config
