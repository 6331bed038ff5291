"""Ways in which a database is out of order, each with its end."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from storage.database import Database


@asynccontextmanager
async def locked(file: Path) -> AsyncIterator[None]:
    """Somebody else has begun to write, and does not come to an end."""
    made = sqlite3.connect(file, timeout=30.0, isolation_level=None, check_same_thread=False)
    with closing(made) as holder:
        await asyncio.to_thread(holder.execute, "BEGIN IMMEDIATE")  # our own may write just now
        yield


async def _set(database: Database, pragma: str) -> None:
    """On the connection that writes, and outside of a transaction."""
    async with database.engine.connect() as connection:
        driver = (await connection.get_raw_connection()).driver_connection
        assert driver is not None
        await (await driver.execute(f"PRAGMA {pragma}")).close()


@asynccontextmanager
async def full(database: Database) -> AsyncIterator[None]:
    """The file may not grow any more."""
    await _set(database, "max_page_count=1")
    try:
        yield
    finally:
        await _set(database, "max_page_count=1000000")


@asynccontextmanager
async def read_only(database: Database) -> AsyncIterator[None]:
    """Nothing may be written."""
    await _set(database, "query_only=ON")
    try:
        yield
    finally:
        await _set(database, "query_only=OFF")


@asynccontextmanager
async def busy(database: Database) -> AsyncIterator[None]:
    """The connection that writes does not come back, as from a disk that answers nobody."""
    pool: Any = database.engine.sync_engine.pool
    patience, pool._timeout = pool._timeout, 0.2
    try:
        async with database.engine.connect():
            yield
    finally:
        pool._timeout = patience


@asynccontextmanager
async def unreadable(database: Database) -> AsyncIterator[None]:
    """The disk gives nothing back, and takes nothing."""

    def fail(*_: object) -> None:
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    engine = database.engine.sync_engine
    event.listen(engine, "do_execute", fail)
    try:
        yield
    finally:
        event.remove(engine, "do_execute", fail)


@asynccontextmanager
async def broken(fault: str, database: Database, file: Path) -> AsyncIterator[None]:
    """The fault of this name."""
    if fault == "locked":
        async with locked(file):
            yield
    else:
        async with OTHERS[fault](database):
            yield


OTHERS = {"full": full, "read-only": read_only, "busy": busy, "unreadable": unreadable}
WORDS = {
    "locked": "is locked",
    "full": "disk is full",
    "read-only": "is read-only",
    "busy": "is too busy",
}
FAULTS = tuple(WORDS)
"""Those with which what was written can still be read."""


@contextmanager
def disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of its own, where the system lets us have one."""
    folder.mkdir(exist_ok=True)
    try:
        _run("mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder))
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no disk can be mounted here")
    try:
        yield folder
    finally:
        _run("umount", "-l", str(folder))


def change(folder: Path, options: str) -> None:
    """Give such a disk another size, or make it read-only."""
    _run("mount", "-o", f"remount,{options}", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
