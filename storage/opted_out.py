"""Replies whose prompts may hold words of people who do not want them used for training."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, func, select
from sqlalchemy.engine import Connection

from bot.values import Role
from storage import quotes
from storage.people import names_of
from storage.tables import people, places, turns


def with_their_words(connection: Connection) -> dict[str, int]:
    """The first reply of each place since which one of them spoke there, or was quoted."""
    found = _quoted_by_name(connection)
    for who in (turns.c.author_id, turns.c.quoted_id):
        for place, reply in connection.execute(_first(who)).all():
            found[place] = min(reply, found.get(place, reply))
    return found


def _quoted_by_name(connection: Connection) -> dict[str, int]:
    """The first reply of each place since which one of them is quoted by a name alone.

    Adapters once kept no ids with what a message quotes, and people quote by hand.
    """
    found: dict[str, int] = {}
    names: dict[str, set[str]] = {}
    unwilling = select(people.c.platform).where(people.c.feedback_use.is_(False))
    quoting = (
        select(turns.c.place_id, turns.c.reply_id, turns.c.text, places.c.platform)
        .join(places, places.c.id == turns.c.place_id)
        .where(
            places.c.platform.in_(unwilling),
            turns.c.role == Role.USER,
            turns.c.quoted_id.is_(None),
            turns.c.text.startswith(quotes.START, autoescape=True),
        )
    )
    for place, reply, text, platform in connection.execute(quoting).all():
        if platform not in names:
            names[platform] = _names(connection, platform)
        if not names[platform].isdisjoint(quotes.names(text)):
            found[place] = min(reply, found.get(place, reply))
    return found


def _first(who: Any) -> Any:
    """By place the first reply to somebody of them, as far as ids tell."""
    return (
        select(turns.c.place_id, func.min(turns.c.reply_id))
        .join(places, places.c.id == turns.c.place_id)
        .join(people, and_(people.c.platform == places.c.platform, people.c.person == who))
        .where(people.c.feedback_use.is_(False))
        .group_by(turns.c.place_id)
    )


def _names(connection: Connection, platform: str) -> set[str]:
    """What they were called, wherever on the platform they spoke, voted or changed something."""
    unwilling = and_(people.c.platform == platform, people.c.feedback_use.is_(False))
    found = connection.execute(select(people.c.person).where(unwilling)).scalars().all()
    return {
        quotes.likeness(name) for person in found for name in names_of(connection, platform, person)
    }
