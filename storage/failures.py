"""Translates what databases and drivers raise into StorageError, with a way out where there is one.

No message holds people's words or the address's password.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from bot.errors import StorageError

_SQLITE = {
    sqlite3.SQLITE_BUSY: "is locked by another process; stop whatever else has it open",
    sqlite3.SQLITE_LOCKED: "is locked by another process; stop whatever else has it open",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full",
    sqlite3.SQLITE_READONLY: "is read-only; give this user the right to write the file and folder",
    sqlite3.SQLITE_PERM: "may not be opened by this user; check the rights of the file and folder",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; check that the folder exists and may be written",
    sqlite3.SQLITE_IOERR: "cannot be read or written; check the disk",
    sqlite3.SQLITE_CORRUPT: "is damaged; stop Quipu and restore a copy of the file",
    sqlite3.SQLITE_NOTADB: "is no SQLite database; check the path, or restore a copy of the file",
}
# SQLite has only words for a table or column that is not there, PostgreSQL has codes.
_MISSING = ("no such table", "no such column", "has no column")
_MISSING_STATES = ("42P01", "42703")
_OUTDATED = "does not have the tables of this version; run `quipu db upgrade`"
# Bits above the lowest eight tell sub-cases apart, for instance which kind of input and output.
_PRIMARY = 0xFF


def describe(error: BaseException) -> str:
    """What is the matter, to be read after the name of the database."""
    cause: BaseException = error
    if isinstance(error, DBAPIError) and error.orig is not None:
        cause = error.orig
    words = f"{type(cause).__name__}: {cause}"
    if _missing(cause, words):
        return _OUTDATED
    code = getattr(cause, "sqlite_errorcode", None)
    known = _SQLITE.get(code & _PRIMARY) if isinstance(code, int) else None
    return known or f"did not do what was asked ({_brief(error, words)})"


def _missing(cause: BaseException, words: str) -> bool:
    state = getattr(cause, "sqlstate", None)
    return state in _MISSING_STATES or any(missing in words for missing in _MISSING)


def _brief(error: BaseException, words: str) -> str:
    """The driver's words; SQLAlchemy's own and Python's may quote values, so only their kind."""
    if isinstance(error, (DBAPIError, sqlite3.Error, OSError)):
        return words.splitlines()[0]
    return type(error).__name__


@contextmanager
def translated(database: str) -> Iterator[None]:
    """Raise StorageError for whatever the database called `database` raises inside."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError, UnicodeError, OverflowError) as error:
        raise StorageError(f"{database} {describe(error)}") from error
    except ModuleNotFoundError as error:
        raise StorageError(
            f"{database} needs the driver {error.name!r}: pip install {error.name}"
        ) from error
