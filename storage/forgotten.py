"""What people who had themselves deleted have used: today's goes on counting against them.

Otherwise whoever has reached a limit would only have to be deleted. Their id is kept with a mark,
and goes when the day is over.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.engine import Connection

from storage.tables import places, replies, usage

FORGOTTEN = "forgotten:"
"""Stands before the id of an author."""

COUNTED = (usage.c.replies, usage.c.prompt_tokens, usage.c.tokens)


def keep_use(
    connection: Connection, platform: str, person: str, used: Any, asked: Any, today: date
) -> None:
    """Keep a person's use as that of nobody, but today's, with what is being answered now.

    `used` and `asked` are the conditions of what is theirs in the tables.
    """
    here = select(places.c.id).where(places.c.platform == platform)
    _put_under(connection, "", and_(used, usage.c.day < today))
    _put_under(connection, FORGOTTEN + person, used)
    running = and_(asked, replies.c.ended_at.is_(None))
    still = {"author_id": FORGOTTEN + person, "author_name": ""}
    connection.execute(update(replies).where(running).values(still))
    wanted = and_(replies.c.charged_id == person, replies.c.place_id.in_(here))
    marked = update(replies).values(charged_id=FORGOTTEN + person)
    connection.execute(marked.where(wanted, replies.c.ended_at.is_(None)))


def settle_use(connection: Connection, today: date) -> None:
    """Forget whose it was on the days that are over."""
    # Two steps: in one, the index of the days would be walked, and that is nearly the whole table.
    who = select(usage.c.author_id).where(_marked(usage.c.author_id)).distinct()
    authors = list(connection.execute(who).scalars())
    _put_under(connection, "", and_(usage.c.author_id.in_(authors), usage.c.day < today))
    ended = and_(_marked(replies.c.author_id), replies.c.ended_at.is_not(None))
    connection.execute(update(replies).where(ended).values(author_id=""))


def _marked(author_id: Any) -> Any:
    """Whether it bears the mark, found by an index: that of a beginning alone is not used.

    The range is wider than the mark, and whole letters: in what order other signs come depends on
    the database's language.
    """
    return and_(author_id >= "forgotten", author_id < "forgotteo", author_id.startswith(FORGOTTEN))


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
