"""Putting a backup in the place of a SQLite file. What was there stays beside it."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from bot.errors import StorageError
from storage import address, backups
from storage.backups import Report, silent
from storage.failures import translated
from storage.hold import hold
from storage.restored import coming
from storage.schema import refuse_unknown


def restore(url: str, backup: Path, report: Report = silent) -> Path | None:
    """Make `backup` the database at `url`; returns where the one before is now, if there was one.

    StorageError if Quipu runs on it, or if the backup is damaged or of a newer version. Broken off
    at any point, it can be called again; until then nobody opens the database.
    """
    database = address.file(address.read(url))
    if database is None:
        raise StorageError("only a SQLite file is restored so; for PostgreSQL use pg_restore")
    if not backup.is_file():
        raise StorageError(f"{backup} is not there")
    if database.exists() and backup.samefile(database):
        raise StorageError(f"{backup} is the database itself")
    with hold(url):
        if coming(database).exists():
            _swap(database)
        _bring(backup, database, report)
        return _swap(database)


def _bring(backup: Path, database: Path, report: Report) -> None:
    """A whole copy beside the database, looked at."""
    partial = database.with_name(f".{database.name}.partial")
    with backups.only_if_whole(partial):
        backups.write(backup, partial, report)
        backups.look(partial)
        _refuse_foreign(backup, partial)
        with translated(str(database)):
            partial.replace(coming(database))
            backups.sync(database.parent)


def _refuse_foreign(backup: Path, partial: Path) -> None:
    with closing(backups.read_only(partial)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        rows = []
        if {"alembic_version", "replies"} <= tables:
            rows = connection.execute("SELECT version_num FROM alembic_version").fetchall()
    if len(rows) != 1:
        raise StorageError(f"{backup} is no backup of a Quipu database")
    refuse_unknown(rows[0][0], str(backup))


def _swap(database: Path) -> Path | None:
    """Each step can be the last one before a power cut, and the next call goes on from there."""
    with translated(str(database)):
        moment = datetime.fromtimestamp(coming(database).stat().st_mtime, UTC)
        kept = database.with_name(f"{database.name}.replaced-{moment:%Y%m%d-%H%M%S}")
        for ending in ("", *backups.BESIDE):
            old = Path(f"{database}{ending}")
            if old.exists():
                old.rename(f"{kept}{ending}")
        backups.sync(database.parent)
        coming(database).replace(database)
        backups.sync(database.parent)
    return kept if kept.exists() else None
