"""Personas: every version that was ever set, who set it, and the list of what was changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection, Row

from bot.values import Author, Persona
from storage.tables import audit, personas


def newest(connection: Connection, scopes: Sequence[str]) -> Persona | None:
    """The newest persona of the first scope that has one.

    A scope has none whose persona was cleared, or went with who wrote it.
    """
    for scope in scopes:
        row = _newest(connection, scope)
        if row is not None and row.text:
            return Persona(row.text, row.version, scope, row.author_name, row.set_at)
    return None


def save(
    connection: Connection, scope: str, text: str | None, author: Author, now: datetime
) -> Persona | None:
    """Add a version, None meaning cleared, and note in the audit list what it replaced."""
    before = _newest(connection, scope)
    version: int = 1 if before is None else before.version + 1
    who = {"author_id": author.id, "author_name": author.name, "scope": scope}
    connection.execute(insert(personas).values(version=version, text=text, set_at=now, **who))
    connection.execute(
        insert(audit).values(
            what="persona", before=before and before.text, after=text, at=now, **who
        )
    )
    return None if text is None else Persona(text, version, scope, author.name, now)


def _newest(connection: Connection, scope: str) -> Row[Any] | None:
    return connection.execute(
        select(personas)
        .where(personas.c.scope == scope)
        .order_by(personas.c.version.desc())
        .limit(1)
    ).first()
