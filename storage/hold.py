"""One running Quipu for each SQLite file: two would answer everything twice."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog

from bot.errors import StorageError
from storage import address
from storage.failures import translated

log = structlog.get_logger(__name__)

# What a file system says that knows no locks.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@contextmanager
def hold(url: str) -> Iterator[None]:
    """Have the database to this process as long as this is entered, or StorageError.

    The system lets go of it when the process dies, however that happens. A database that is not
    a file is nobody's: servers may be shared.
    """
    file = address.file(address.read(url))
    if file is None:
        yield
        return
    number = _open(file)
    try:
        _lock(number, file)
        yield
    finally:
        os.close(number)


def is_held(database: Path) -> bool:
    """Whether a Quipu runs on this file now. Changes nothing."""
    try:
        number = os.open(lock_file(database), os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(number)
    return False


def lock_file(database: Path) -> Path:
    """The file that is locked, beside the database; it stays there, and means nothing unlocked."""
    return Path(f"{database}.lock")


def _open(database: Path) -> int:
    with translated(str(database)):
        database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(lock_file(database), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def _lock(number: int, database: Path) -> None:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise StorageError(
            f"{database} is in use: another Quipu{_who(number)} is running on it; stop that first"
        ) from error
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise StorageError(f"{lock_file(database)} cannot be locked: {error}") from error
        log.warning("this file system has no locks; run only one Quipu on it", file=str(database))
    with suppress(OSError):  # a full disk; who holds it is only told for convenience
        os.ftruncate(number, 0)
        os.pwrite(number, f"{os.getpid()}\n".encode(), 0)


def _who(number: int) -> str:
    with suppress(OSError, ValueError):
        return f" (process {int(os.pread(number, 20, 0))})"
    return ""
