"""What people who had themselves deleted have used: today's goes on counting against them.

Otherwise whoever has reached a limit would only have to be deleted. Their id is kept with a mark,
and goes when the day is over.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.engine import Connection

from storage.tables import replies, usage

FORGOTTEN = "forgotten:"
"""Stands before the id of an author."""

COUNTED = (usage.c.replies, usage.c.prompt_tokens, usage.c.tokens)


def keep_use(connection: Connection, used: Any, asked: Any, person: str, today: date) -> None:
    """Keep a person's use as that of nobody, but today's, with what is being answered now.

    `used` and `asked` are the conditions of what is theirs in the tables.
    """
    _put_under(connection, "", and_(used, usage.c.day < today))
    _put_under(connection, FORGOTTEN + person, used)
    running = and_(asked, replies.c.ended_at.is_(None))
    still = {"author_id": FORGOTTEN + person, "author_name": ""}
    connection.execute(update(replies).where(running).values(still))


def settle_use(connection: Connection, today: date) -> None:
    """Forget whose it was on the days that are over."""
    _put_under(connection, "", and_(usage.c.author_id.startswith(FORGOTTEN), usage.c.day < today))
    ended = and_(replies.c.author_id.startswith(FORGOTTEN), replies.c.ended_at.is_not(None))
    connection.execute(update(replies).where(ended).values(author_id=""))


def _put_under(connection: Connection, author_id: str, which: Any) -> None:
    """Add these rows to those that an author has for the same days and places."""
    keys = select(usage.c.day, usage.c.place_id).where(which).distinct()
    for day, place_id in connection.execute(keys).all():
        there = and_(usage.c.day == day, usage.c.place_id == place_id)
        these = and_(there, or_(usage.c.author_id == author_id, which))
        sums = connection.execute(select(*map(func.sum, COUNTED)).where(these)).one()
        values = {column.name: int(count) for column, count in zip(COUNTED, sums, strict=True)}
        connection.execute(delete(usage).where(these))
        key = {"day": day, "place_id": place_id, "author_id": author_id}
        connection.execute(insert(usage).values(key | values))
