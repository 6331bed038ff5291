"""The address of a database: read from the configuration, shown without its secrets."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from bot.errors import StorageError

_DRIVERS = {"sqlite": "sqlite+aiosqlite", "postgresql": "postgresql+asyncpg"}


def read(url: str) -> URL:
    """Parse an address; `sqlite:` and `postgresql:` get the driver that Quipu uses."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        # The exception may quote the address, password included.
        raise StorageError(
            "the database URL cannot be read; it looks like sqlite:///folder/quipu.db"
        ) from None
    driver = _DRIVERS.get(parsed.get_backend_name())
    if driver is None:
        raise StorageError(
            f"the database URL names {parsed.drivername!r}; Quipu knows sqlite and postgresql"
        )
    return parsed if "+" in parsed.drivername else parsed.set(drivername=driver)


def is_sqlite(url: URL) -> bool:
    """Whether the database is SQLite."""
    return url.get_backend_name() == "sqlite"


def in_memory(url: URL) -> bool:
    """Whether the database lives in one connection and dies with it."""
    return is_sqlite(url) and (
        not url.database or ":memory:" in url.database or url.query.get("mode") == "memory"
    )


def file(url: URL) -> Path | None:
    """The SQLite file, or None where there is none."""
    if not is_sqlite(url) or in_memory(url) or not url.database:
        return None
    return Path(plain(url.database))


def plain(name: str) -> str:
    """The path in a name that SQLite may take for an address."""
    return name.removeprefix("file:").partition("?")[0] if name.startswith("file:") else name


def shown(url: URL) -> str:
    """What may be printed and logged: no user, no password, no query."""
    if in_memory(url):
        return "the database in memory"
    if path := file(url):
        return str(path)
    return f"{url.get_backend_name()}://{url.host or ''}/{url.database or ''}"
