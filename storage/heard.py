"""Where a person was heard, and where others only mentioned or quoted them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.engine import Connection

from storage.redaction import Called
from storage.tables import (
    answers,
    audit,
    fingerprints,
    personas,
    places,
    preferences,
    replies,
    turns,
    usage,
    votes,
)


def where_heard(connection: Connection, mine: Mapping[Any, Any]) -> list[str]:
    """The places where the person spoke, or was answered."""
    spoke = select(turns.c.place_id).where(mine[turns])
    asked = select(replies.c.place_id).where(mine[replies])
    return list(connection.execute(spoke.union(asked)).scalars())


def where_named(
    connection: Connection,
    platform: str,
    mine: Mapping[Any, Any],
    names: Collection[str],
    heard: Collection[str],
) -> list[str]:
    """The other places of the person's workspaces where somebody mentioned or quoted them.

    Elsewhere the same name is somebody else's. Other people's direct messages count only where
    they belong to a workspace with channels: Discord's belong to none.
    """
    called = Called(names)
    if not called.signs:
        return []
    channels = select(places.c.workspace).where(
        places.c.platform == platform, places.c.private.is_(False)
    )
    here = select(places.c.id).where(
        places.c.platform == platform,
        places.c.workspace.in_(_workspaces(connection, platform, mine)),
        places.c.workspace.in_(channels),
    )
    given = select(replies.c.place_id, answers.c.text).join_from(answers, replies)
    written = (
        (turns, select(turns.c.place_id, turns.c.text)),
        (replies, select(replies.c.place_id, replies.c.text)),
        (answers, given),
    )
    found: set[str] = set()
    for table, query in written:
        of = turns.c.place_id if table is turns else replies.c.place_id
        # The database finds more than is meant: it knows nothing of where a word ends.
        perhaps = or_(*(table.c.text.contains(sign, autoescape=True) for sign in called.signs))
        rows = connection.execute(query.where(of.in_(here), perhaps))
        found.update(row.place_id for row in rows if called.in_(row.text))
    return sorted(found.difference(heard))


def _workspaces(connection: Connection, platform: str, mine: Mapping[Any, Any]) -> set[str]:
    """Where the person has left anything at all: what they said may be older than is kept."""
    judged = (table.c.reply_id for table in (votes, preferences, fingerprints))
    queries = [
        *(select(table.c.place_id).where(mine[table]) for table in (turns, replies, usage)),
        *(
            select(replies.c.place_id).where(replies.c.id.in_(select(of).where(mine[of.table])))
            for of in judged
        ),
        *(select(table.c.scope).where(mine[table]) for table in (personas, audit)),
    ]
    scopes = {each for query in queries for each in connection.execute(query.distinct()).scalars()}
    return {scope.removeprefix(f"{platform}:").partition("/")[0] for scope in scopes}
