"""What can be told of a SQLite file by looking at it: whole or damaged, its version, its room."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bot.errors import StorageError
from bot.values import Finding
from storage.backups import complaints, read_only
from storage.failures import RESTORE, translated
from storage.restored import refuse_half_restored
from storage.schema import head_revision, refuse_unknown

ROOM = "make room on the disk: without it nothing can be written, and so nobody be answered"
NEWER = "install the version of Quipu that wrote it, or restore a backup made before"

LITTLE = 1_000_000_000
"""Free bytes below which a disk should be looked after."""
NEXT_TO_NOTHING = 50_000_000

STEPS = 100_000
"""Instructions of SQLite's machine between two looks at the clock."""


def inspect(file: Path) -> list[Finding]:
    """Everything: each page, each reference, the version, what is unfinished, and the room."""
    try:
        refuse_half_restored(file)
        if not file.is_file():
            return [Finding("error", f"{file} is not there", "check [database] url")]
        with translated(str(file)), closing(read_only(file)) as connection:
            wrong = complaints(connection)
            if wrong:
                return [_damaged(file, wrong), room(file)]
            return [
                Finding("ok", f"{file} is whole: {file.stat().st_size / 1e6:,.1f} MB"),
                *_contents(connection, file),
                room(file),
            ]
    except StorageError as error:
        return [Finding("error", str(error), error.mend or RESTORE)]


def glance(file: Path, seconds: float) -> Finding:
    """As much of the same as can be looked at in this time."""
    until = time.monotonic() + seconds
    with translated(str(file)), closing(read_only(file)) as connection:
        connection.set_progress_handler(lambda: int(time.monotonic() > until), STEPS)
        try:
            rows = connection.execute("PRAGMA quick_check(1)").fetchall()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
            text = f"{file} is large; what was looked at in {seconds:.0f} s is whole"
            return Finding("ok", f"{text}, quipu db check looks at all of it")
    wrong = [str(text) for (text,) in rows if text != "ok"]
    return _damaged(file, wrong) if wrong else Finding("ok", f"the file {file} is whole")


def room(file: Path) -> Finding:
    """What is free on the disk that holds the file."""
    free = shutil.disk_usage(file.parent).free
    text = f"{free / 1e9:,.2f} GB are free on the disk of {file.parent}"
    if free < NEXT_TO_NOTHING:
        return Finding("error", text, ROOM)
    return Finding("warning", text, ROOM) if free < LITTLE else Finding("ok", text)


def _damaged(file: Path, wrong: list[str]) -> Finding:
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return Finding("error", f"{file} is damaged: {wrong[0]}{more}", RESTORE)


def _contents(connection: sqlite3.Connection, file: Path) -> Iterator[Finding]:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    if not {"alembic_version", "replies"} <= tables:
        yield Finding("error", f"{file} holds no Quipu database", "check [database] url")
        return
    (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    try:
        refuse_unknown(revision, str(file))
    except StorageError as error:
        yield Finding("error", str(error), NEWER)
        return
    later = "" if revision == head_revision() else f"; quipu run brings it to {head_revision()}"
    yield Finding("ok", f"its version is {revision}{later}")
    query = "SELECT count(*) FROM replies WHERE ended_at IS NULL"
    (count,) = connection.execute(query).fetchone()
    yield Finding("ok", f"unfinished replies: {count}{_later(count)}")


def _later(count: int) -> str:
    return "; the next start takes them up" if count else ""
