"""Settings of places, and the list of everything that was changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.engine import Connection

from bot.control.records import Change, SettingValue
from bot.values import Author, Persona
from storage.tables import audit, personas, settings


def effective(connection: Connection, scopes: Sequence[str]) -> dict[str, SettingValue]:
    """For each key the value of the innermost scope that has one."""
    rows = connection.execute(select(settings).where(settings.c.scope.in_(scopes))).all()
    outermost_first = sorted(rows, key=lambda row: -list(scopes).index(row.scope))
    return {row.key: SettingValue(row.key, row.value, row.scope) for row in outermost_first}


def every(connection: Connection, scopes: Sequence[str], key: str) -> list[SettingValue]:
    """What each scope has under a key, innermost first."""
    here = (settings.c.scope.in_(scopes), settings.c.key == key)
    rows = connection.execute(select(settings.c.scope, settings.c.value).where(*here))
    found = {row.scope: row.value for row in rows}
    return [SettingValue(key, found[scope], scope) for scope in scopes if scope in found]


def everywhere(connection: Connection, key: str) -> dict[str, Any]:
    """What is set under a key, by scope."""
    found = connection.execute(
        select(settings.c.scope, settings.c.value).where(settings.c.key == key)
    )
    return {row.scope: row.value for row in found}


def change(
    connection: Connection, scope: str, values: Mapping[str, Any], author: Author, now: datetime
) -> tuple[Change, ...]:
    """Set or (None) take away, with a line for each that really changes."""
    own = select(settings.c.key, settings.c.value).where(settings.c.scope == scope)
    before = {row.key: row.value for row in connection.execute(own)}
    changes = []
    for key, value in values.items():
        if before.get(key) == value:
            continue
        _put(connection, scope, key, value, known=key in before)
        line = Change(now, author, scope, key, _spelled(before.get(key)), _spelled(value))
        note(connection, line)
        changes.append(line)
    return tuple(changes)


def note(connection: Connection, line: Change) -> None:
    """Add a line to the audit list."""
    connection.execute(
        insert(audit).values(
            at=line.at,
            author_id=line.author.id,
            author_name=line.author.name,
            scope=line.scope,
            what=line.what,
            before=line.before,
            after=line.after,
        )
    )


def changes(
    connection: Connection, scopes: Sequence[str], limit: int, skip: int = 0
) -> list[Change]:
    """The newest lines first, without so many of the newest."""
    here = select(audit).where(audit.c.scope.in_(scopes)).order_by(audit.c.id.desc())
    rows = connection.execute(here.limit(limit).offset(skip))
    return [
        Change(at, Author(who, name), scope, what, before, after)
        for _, at, who, name, scope, what, before, after in rows
    ]


def persona_versions(connection: Connection, scope: str, limit: int) -> list[Persona]:
    """The newest version first; one that was cleared, or went with its author, has no words."""
    rows = connection.execute(
        select(personas)
        .where(personas.c.scope == scope)
        .order_by(personas.c.version.desc())
        .limit(limit)
    )
    return [
        Persona(row.text or "", row.version, scope, row.author_name, row.set_at, row.text is None)
        for row in rows
    ]


def personas_within(connection: Connection, scope: str) -> list[Persona]:
    """The newest version of every scope below a workspace, but for those that were cleared."""
    below = personas.c.scope.startswith(f"{scope}/", autoescape=True)
    newest = select(func.max(personas.c.id)).where(below).group_by(personas.c.scope)
    found = select(personas).where(personas.c.id.in_(newest), personas.c.text != "")
    return [
        Persona(row.text, row.version, row.scope, row.author_name, row.set_at)
        for row in connection.execute(found)
    ]


def _put(connection: Connection, scope: str, key: str, value: Any, *, known: bool) -> None:
    this = (settings.c.scope == scope) & (settings.c.key == key)
    if value is None:
        connection.execute(delete(settings).where(this))
    elif known:
        connection.execute(update(settings).where(this).values(value=value))
    else:
        connection.execute(insert(settings).values(scope=scope, key=key, value=value))


def _spelled(value: Any) -> str | None:
    return None if value is None else value if isinstance(value, str) else json.dumps(value)
