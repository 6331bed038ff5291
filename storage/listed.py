"""Lists of who may talk, as far as they name a person by their id."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.engine import Connection

from bot.control.authority import Access
from storage.redaction import GONE
from storage.tables import audit, settings

ACCESS = "access"
"""The key of these lists among the settings of a scope."""


def listed(connection: Connection, platform: str, person: str) -> list[dict[str, str]]:
    """The lists that name the person; of others who stand there nothing is told."""
    found = connection.execute(
        select(settings.c.scope, settings.c.value)
        .where(settings.c.key == ACCESS, _on(settings.c.scope, platform))
        .order_by(settings.c.scope)
    )
    lists = [(row.scope, Access.read(row.value)) for row in found]
    return [
        {"scope": scope, "list": name}
        for scope, access in lists
        for name, entries in (("allow", access.allow), ("deny", access.deny))
        if _entry(person) in entries
    ]


def forget_changes(connection: Connection, platform: str, person: str) -> None:
    """Take the person out of what the audit list tells of these lists, which themselves stay."""
    own, nobody = f'"{_entry(person)}"', f'"{_entry(GONE)}"'
    for column in (audit.c.before, audit.c.after):
        named = (audit.c.what == ACCESS) & column.contains(own, autoescape=True)
        without: Any = {column: func.replace(column, own, nobody)}
        there = _on(audit.c.scope, platform)
        connection.execute(update(audit).where(named, there).values(without))


def _entry(person: str) -> str:
    return f"person:{person}"


def _on(scope: Any, platform: str) -> Any:
    return scope.startswith(f"{platform}:", autoescape=True)
