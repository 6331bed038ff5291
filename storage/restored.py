"""The mark of a restore that was broken off: until it is finished, the file is no database."""

from __future__ import annotations

from pathlib import Path

from bot.errors import StorageError


def coming(database: Path) -> Path:
    """A whole backup on its way to become the database; it is there only meanwhile."""
    return Path(f"{database}.restoring")


def refuse_half_restored(database: Path) -> None:
    """StorageError if a restore was broken off: a new, empty database would hide everything."""
    if coming(database).exists():
        raise StorageError(
            f"{database} was being restored when that was broken off; "
            "run `quipu db restore` again, with the same backup",
            mend="run `quipu db restore` again, with the same backup",
        )
