"""What the bot has heard: up to when on each platform, where, and which messages."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Column, and_, delete, func, insert, or_, select, update
from sqlalchemy.engine import Connection
from sqlalchemy.sql import ColumnElement

from bot.values import Place, Role
from storage.tables import claims, heard, places, replies, settings, turns

ASKED_AT_ONCE = 500
"""Ids in one query; SQLite takes some thousands."""


def heard_until(connection: Connection, platform: str) -> datetime | None:
    """The time of the newest message that was heard; None before the first one."""
    return connection.execute(select(heard.c.until).where(heard.c.platform == platform)).scalar()


def note_heard(connection: Connection, platform: str, until: datetime) -> None:
    """Move that time; it never goes back. Places that were looked through before are forgotten."""
    this = heard.c.platform == platform
    before = heard_until(connection, platform)
    if before is None:
        connection.execute(insert(heard).values(platform=platform, until=until))
    elif before < until:
        connection.execute(update(heard).where(this).values(until=until))
    connection.execute(
        delete(heard).where(_places_of(connection, platform), heard.c.until <= until)
    )


def looked_through(connection: Connection, platform: str) -> dict[str, datetime]:
    """The places in which a search has found all from before some time, by their ids."""
    here = _places_of(connection, platform)
    rows = connection.execute(select(heard.c.platform, heard.c.until).where(here))
    return {row.platform: row.until for row in rows}


def note_looked(connection: Connection, place: Place, until: datetime) -> None:
    """Once more changes only the time."""
    connection.execute(delete(heard).where(heard.c.platform == place.id))
    connection.execute(insert(heard).values(platform=place.id, until=until))


def _places_of(connection: Connection, platform: str) -> ColumnElement[bool]:
    """Rows of its places, whose ids begin with the platform and a colon."""
    return _begins(connection, heard.c.platform, f"{platform}:")


def _begins(connection: Connection, column: Column[str], start: str) -> ColumnElement[bool]:
    """Whether a text begins so and goes on; by the index where bytes decide the order."""
    if connection.dialect.name == "sqlite":
        return and_(column > start, column < start[:-1] + chr(ord(start[-1]) + 1))
    # What stands between two texts depends on the language of the database.
    return column.startswith(start, autoescape=True)


def claimed(
    connection: Connection, platform: str, workspace: str, message_ids: Collection[str]
) -> set[str]:
    """Those of the messages that were claimed already."""
    wanted, found = list(message_ids), set[str]()
    here = (claims.c.platform == platform, claims.c.workspace == workspace)
    for start in range(0, len(wanted), ASKED_AT_ONCE):
        some = claims.c.message_id.in_(wanted[start : start + ASKED_AT_ONCE])
        found |= set(connection.execute(select(claims.c.message_id).where(*here, some)).scalars())
    return found


def familiar(connection: Connection, platform: str, channels: int, threads: int) -> list[Place]:
    """Of the channels with the newest replies the threads with them; then those with settings."""
    latest = func.max(_newest_reply()).desc()
    used = (
        select(places.c.workspace, places.c.channel)
        .where(places.c.platform == platform, places.c.private.is_(False))
        .group_by(places.c.workspace, places.c.channel)
        .order_by(latest)
        .limit(channels)
    )
    found: dict[str, Place] = {}
    for workspace, channel in connection.execute(used).all():
        here = _within(connection, Place(platform, workspace, channel).id)
        newest = select(places.c.id).where(here).order_by(_newest_reply().desc()).limit(threads)
        ids = connection.execute(newest).scalars()
        found |= {each: Place.parse(each) for each in ids}
    scopes = select(settings.c.scope).where(settings.c.scope.startswith(f"{platform}:"))
    for scope in connection.execute(scopes.distinct().limit(channels)).scalars():
        if "/" in scope and scope not in found:
            found[scope] = Place.parse(scope)
    return list(found.values())


def direct(connection: Connection, platform: str, limit: int) -> list[Place]:
    """The private Places with the newest replies."""
    newest = (
        select(places.c.id)
        .where(places.c.platform == platform, places.c.private.is_(True))
        .order_by(_newest_reply().desc())
        .limit(limit)
    )
    return [Place.parse(each, private=True) for each in connection.execute(newest).scalars()]


def _newest_reply() -> ColumnElement[int]:
    """Of a place, found by the index; 0 where all were deleted."""
    newest = (
        select(replies.c.id)
        .where(replies.c.place_id == places.c.id)
        .order_by(replies.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(newest, 0)


def _within(connection: Connection, channel: str) -> ColumnElement[bool]:
    """The places that are a channel and its threads."""
    return or_(places.c.id == channel, _begins(connection, places.c.id, f"{channel}/"))


def said_since(connection: Connection, place: Place, since: datetime) -> list[tuple[Place, str]]:
    """The messages of people kept of a channel and its threads: where, and their ids."""
    here = _within(connection, place.scopes[-2])
    rows = connection.execute(
        select(places.c.id, places.c.private, turns.c.message_id)
        .join(turns, turns.c.place_id == places.c.id)
        .where(here, turns.c.role == Role.USER, turns.c.said_at >= since)
        .where(turns.c.message_id.is_not(None))
    )
    return [(Place.parse(where, private=private), said) for where, private, said in rows]
