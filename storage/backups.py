"""Backups of a SQLite file: made while others write to it, looked at before they count."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from bot.errors import StorageError
from storage.failures import translated

Report = Callable[[int, int], None]
"""Told of bytes that are done, and of how many there are."""

PAGES = 1_000
"""Pages copied between two reports."""

SPARE = 16_000_000
"""Bytes that must stay free on the disk beside a backup."""

MOST = 10
"""Complaints about a file after which looking ends."""

BESIDE = ("-wal", "-shm", "-journal")
"""What SQLite may keep beside a file, by what its name ends with."""


def silent(_done: int, _total: int) -> None:
    """Tell nobody."""


def folder_of(database: Path) -> Path:
    """Where the backups of a database lie unless another place is named."""
    return database.parent / "backups"


def named(database: Path, now: datetime) -> Path:
    """The name of a backup made now."""
    moment = now.astimezone(UTC).strftime("%Y%m%d-%H%M%S")
    return folder_of(database) / f"{database.stem}-{moment}.db"


def before_upgrade(database: Path, revision: str, now: datetime) -> Path:
    """The backup made before an upgrade: one a day, so that a start that always fails cannot
    fill the disk.
    """
    day = now.astimezone(UTC).strftime("%Y%m%d")
    return folder_of(database) / f"{database.stem}-{revision}-before-upgrade-{day}.db"


def back_up(database: Path, target: Path, report: Report = silent) -> None:
    """Write a backup as it is at this moment; `target` appears at once, whole and looked at."""
    if not database.is_file():
        raise StorageError(f"{database} is not there, so there is nothing to back up")
    with translated(str(target)):
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    with only_if_whole(partial):
        write(database, partial, report)
        look(partial)
        with translated(str(target)):
            partial.replace(target)
            sync(target.parent)


@contextmanager
def only_if_whole(partial: Path) -> Iterator[None]:
    """Leave no half of a backup behind."""
    try:
        yield
    finally:
        for ending in ("", *BESIDE):
            Path(f"{partial}{ending}").unlink(missing_ok=True)


def write(database: Path, target: Path, report: Report) -> None:
    """Copy page by page what is committed now. The copy is one plain file, synced to the disk."""
    _need_room(database, target.parent)
    with translated(str(target)):
        # Nobody else may read it, from its first byte on.
        os.close(os.open(target, os.O_CREAT | os.O_RDWR | os.O_TRUNC, 0o600))
        target.chmod(0o600)
    with closing(read_only(database)) as source, closing(sqlite3.connect(target)) as copy:
        with translated(str(target)):
            copy.execute("PRAGMA journal_mode=OFF")
            copy.execute("PRAGMA synchronous=OFF")
        with translated(str(database)):
            _copy(source, copy, report)
        with translated(str(target)):
            copy.execute("PRAGMA journal_mode=DELETE")
    with translated(str(target)):
        sync(target)


def _copy(source: sqlite3.Connection, copy: sqlite3.Connection, report: Report) -> None:
    # Within one transaction it is one moment's state, and nobody's writing starts it anew.
    source.execute("BEGIN")
    (size,) = source.execute("PRAGMA page_size").fetchone()
    source.execute("SELECT count(*) FROM sqlite_master").fetchone()

    def progress(_status: int, remaining: int, total: int) -> None:
        report((total - remaining) * size, total * size)

    source.backup(copy, pages=PAGES, progress=progress)
    source.execute("COMMIT")


def look(backup: Path) -> None:
    """StorageError if the file is damaged or is no database."""
    with closing(read_only(backup)) as connection:
        wrong = complaints(connection)
    if wrong:
        raise StorageError(f"{backup} is damaged and was not taken: {wrong[0]}")


def complaints(connection: sqlite3.Connection) -> list[str]:
    """What SQLite finds wrong with a file, and rows whose parents are gone; empty is good."""
    try:
        rows = connection.execute(f"PRAGMA integrity_check({MOST})").fetchall()
        orphans = connection.execute("PRAGMA foreign_key_check").fetchmany(MOST)
    except sqlite3.DatabaseError as error:
        return [str(error)]
    found = [line for (text,) in rows if text != "ok" for line in str(text).splitlines()]
    return found + [f"row {row[1]} of {row[0]} has lost its row of {row[2]}" for row in orphans]


def read_only(file: Path) -> sqlite3.Connection:
    """Open a file without ever changing it; transactions are the caller's."""
    with translated(str(file)):
        return sqlite3.connect(f"file:{quote(str(file))}?mode=ro", uri=True, isolation_level=None)


def sync(path: Path) -> None:
    """Have a file, or the names in a folder, on the disk before going on."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _need_room(database: Path, folder: Path) -> None:
    with translated(str(folder)):
        free = shutil.disk_usage(folder).free
        log = Path(f"{database}-wal")
        needed = database.stat().st_size + (log.stat().st_size if log.exists() else 0) + SPARE
    if free < needed:
        raise StorageError(
            f"a backup of {database} needs {needed / 1e6:,.0f} MB in {folder}, "
            f"where {free / 1e6:,.0f} MB are free; make room there"
        )
