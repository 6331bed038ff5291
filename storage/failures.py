"""Translates what databases and drivers raise into StorageError, with a way out where there is one.

No message holds people's words or the address's password.
"""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as NoConnection

from bot.errors import OutOfOrder, StorageError
from bot.extras import to_install

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
RESTORE = (
    "stop Quipu; `quipu db check` says how far the damage goes, "
    "`quipu db restore FILE` puts a backup in its place and keeps what is there"
)
_ROOM = "make room on the disk, or give the database another one; what waits then goes on by itself"
_RIGHTS = (
    "let this user write the file and its folder, and see that the disk is not mounted read-only"
)
_DISK = (
    "look after the disk: dmesg, smartctl; make a backup while it can be read: `quipu db backup`"
)
_RELEASE = "find who has it open, `fuser FILE` names the process, and stop that"
_MENDS = {
    sqlite3.SQLITE_BUSY: _RELEASE,
    sqlite3.SQLITE_LOCKED: _RELEASE,
    sqlite3.SQLITE_FULL: _ROOM,
    sqlite3.SQLITE_READONLY: _RIGHTS,
    sqlite3.SQLITE_PERM: _RIGHTS,
    sqlite3.SQLITE_CANTOPEN: _RIGHTS,
    sqlite3.SQLITE_IOERR: _DISK,
    sqlite3.SQLITE_CORRUPT: RESTORE,
    sqlite3.SQLITE_NOTADB: RESTORE,
}
_SYSTEM_MENDS = {
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EROFS: _RIGHTS,
    errno.EACCES: _RIGHTS,
    errno.EPERM: _RIGHTS,
    errno.EIO: _DISK,
}
_LASTING = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
# What the system says when a file is made or locked before SQLite sees it.
_SYSTEM = {
    errno.ENOSPC: _SQLITE[sqlite3.SQLITE_FULL],
    errno.EDQUOT: "cannot grow: this user's share of the disk is used up",
    errno.EROFS: _SQLITE[sqlite3.SQLITE_READONLY],
    errno.EACCES: _SQLITE[sqlite3.SQLITE_PERM],
    errno.EPERM: _SQLITE[sqlite3.SQLITE_PERM],
    errno.EIO: _SQLITE[sqlite3.SQLITE_IOERR],
}
# PostgreSQL's classes: connection, resources, somebody's intervention, system; and read-only.
_AWAY = ("08", "53", "57", "58", "25006")
# And locks that are not to be had, which another session holds.
_LOCKED = "55P03"
_UNDONE = "40"
# Or both looked, found nothing, and wrote the same key: done again, the second finds the first.
_TAKEN = "23505"
# SQLite has only words for a table or column that is not there, PostgreSQL has codes.
_MISSING = ("no such table", "no such column", "has no column")
_MISSING_STATES = ("42P01", "42703")
_EXTRAS = {"asyncpg": "postgresql"}
_OUTDATED = "does not have the tables of this version; run `quipu db upgrade`"
# Bits above the lowest eight tell sub-cases apart, for instance which kind of input and output.
_PRIMARY = 0xFF


def describe(error: BaseException) -> str:
    """What is the matter, to be read after the name of the database."""
    cause = _cause(error)
    words = f"{type(cause).__name__}: {cause}"
    if _missing(cause, words):
        return _OUTDATED
    if isinstance(error, NoConnection):
        return "is too busy: nothing was answered for half a minute"
    known = _SQLITE.get(_code(cause))
    if known is None and isinstance(cause, OSError):
        known = _SYSTEM.get(cause.errno or 0)
    return known or f"did not do what was asked ({_brief(error, words)})"


def _cause(error: BaseException) -> BaseException:
    if isinstance(error, DBAPIError) and error.orig is not None:
        return error.orig
    return error


def _code(cause: BaseException) -> int:
    """SQLite's own, 0 if there is none."""
    code = getattr(cause, "sqlite_errorcode", None)
    return code & _PRIMARY if isinstance(code, int) else 0


def as_error(database: str, error: BaseException) -> StorageError:
    """The translation, and whether nothing at all can be done with the database now."""
    message, cause = f"{database} {describe(error)}", _cause(error)
    code = _code(cause)
    if code in _SQLITE:
        return OutOfOrder(message, mend=_MENDS[code], lasting=code in _LASTING)
    state = str(getattr(cause, "sqlstate", None) or "")
    away = isinstance(cause, (OSError, NoConnection)) or state.startswith((*_AWAY, _LOCKED))
    if away or (isinstance(error, DBAPIError) and error.connection_invalidated):
        mend = _SYSTEM_MENDS.get(cause.errno or 0, "") if isinstance(cause, OSError) else ""
        return OutOfOrder(message, mend=mend)
    return StorageError(message)


def was_undone(error: DBAPIError) -> bool:
    """Whether PostgreSQL undid the transaction for the sake of another one; it may be repeated."""
    return str(getattr(error.orig, "sqlstate", None) or "").startswith((_UNDONE, _TAKEN))


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
        raise as_error(database, error) from error
    except ValueError as error:
        # A value that is none of its kind. Its words stay where they are.
        raise StorageError(
            f"{database} holds something that cannot be read ({type(error).__name__})", mend=RESTORE
        ) from None
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(error.name or "")
        command = to_install(extra) if extra else f"pip install {error.name}"
        raise StorageError(
            f"{database} needs the driver {error.name!r}: {command}", mend="install the driver"
        ) from error
