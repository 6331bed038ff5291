"""The saved turns of conversations, in the order of exchanges: (reply, turn)."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import and_, case, delete, func, insert, or_, select, update
from sqlalchemy.engine import Connection, Row
from sqlalchemy.sql import Select

from bot.values import Author, Inbound, Place, Role, Standing, Turn
from storage import fingerprints
from storage.tables import places, prompts, replies, turns
from storage.withheld import PROMPT, withhold

log = structlog.get_logger(__name__)

NEVER = 2**62
"""Behind every turn: a window that starts here in a reply has none of its turns."""


def save_question(connection: Connection, inbound: Inbound, reply_id: int) -> None:
    """Save what a person said, to be answered by this reply."""
    connection.execute(
        insert(turns).values(
            place_id=inbound.place.id,
            reply_id=reply_id,
            role=Role.USER,
            author_id=inbound.author.id,
            author_name=inbound.author.name,
            author_standing=inbound.author.standing,
            message_id=inbound.message_id,
            text=inbound.text,
            quoted_id=inbound.quoted or None,
            said_at=inbound.said_at,
        )
    )


def save_answer(
    connection: Connection, reply_id: int, text: str, now: datetime, *, tokens: int | None = None
) -> None:
    """Save an answer as the one assistant turn of its reply; an empty one leaves no turn."""
    said = {"text": text, "tokens": tokens, "said_at": now}
    if not text:
        connection.execute(delete(turns).where(_answer_of(reply_id)))
    elif not connection.execute(update(turns).where(_answer_of(reply_id)).values(said)).rowcount:
        place_id = select(replies.c.place_id).where(replies.c.id == reply_id).scalar_subquery()
        row = {"place_id": place_id, "reply_id": reply_id, "role": Role.ASSISTANT, **said}
        connection.execute(insert(turns).values(row))


def answered(connection: Connection, reply_id: int) -> bool:
    """Whether the reply has its assistant turn."""
    return connection.execute(select(turns.c.id).where(_answer_of(reply_id))).first() is not None


def hand_over(connection: Connection, reply_id: int, to: int) -> None:
    """Let what people said to one reply be answered by another one of the same Place."""
    asked = and_(turns.c.reply_id == reply_id, turns.c.role == Role.USER)
    connection.execute(update(turns).where(asked).values(reply_id=to))


def window(place_id: str, reply_id: int) -> Select[Any]:
    """The search that the bot makes for every message.

    What the reply itself answers is always found, even if the window was moved behind it.
    """
    start = places.c.first_reply_id
    earliest = case((start < reply_id, start), else_=reply_id)
    asked = turns.c.reply_id == reply_id
    return (
        select(turns)
        .join(places, places.c.id == turns.c.place_id)
        .where(
            turns.c.place_id == place_id,
            turns.c.reply_id.between(earliest, reply_id),
            or_(turns.c.reply_id > start, turns.c.id >= places.c.first_turn_id, asked),
            # A reply that is written anew must not see its first attempt.
            or_(turns.c.reply_id < reply_id, turns.c.role == Role.USER),
        )
        .order_by(turns.c.reply_id, turns.c.id)
    )


def history(connection: Connection, place: Place, reply_id: int) -> list[Turn]:
    """The turns from the window's start up to those that the reply answers."""
    return [_turn(row) for row in connection.execute(window(place.id, reply_id))]


def left_out(connection: Connection, place: Place, reply_id: int) -> int:
    """How many turns the newest reply of the window left out that tells; a reset begins anew."""
    start = places.c.first_reply_id
    found = (
        select(replies.c.dropped)
        .join(places, places.c.id == replies.c.place_id)
        .where(
            replies.c.place_id == place.id,
            replies.c.id.between(start, reply_id),
            or_(replies.c.id > start, places.c.first_turn_id < NEVER),
            replies.c.dropped.is_not(None),
        )
        .order_by(replies.c.id.desc())
        .limit(1)
    )
    return connection.execute(found).scalar() or 0


def keep_from(
    connection: Connection, place: Place, turn_id: int, reply_id: int = 0, dropped: int = 0
) -> None:
    """Move the window on to a turn; nothing changes if it is gone, or stands before the window.

    At this reply, so many turns of the conversation are before it.
    """
    here = (turns.c.id == turn_id, turns.c.place_id == place.id)
    first = connection.execute(select(turns.c.reply_id).where(*here)).scalar()
    if first is None:
        log.debug("no such turn to start from", place=place.id, turn=turn_id)
        return
    # Somebody may have reset the conversation while the prompt was made.
    forward = or_(
        places.c.first_reply_id < first,
        and_(places.c.first_reply_id == first, places.c.first_turn_id <= turn_id),
    )
    moved = (
        update(places)
        .where(places.c.id == place.id, forward)
        .values(first_reply_id=first, first_turn_id=turn_id)
    )
    if connection.execute(moved).rowcount:
        this = and_(replies.c.id == reply_id, replies.c.place_id == place.id)
        connection.execute(update(replies).where(this).values(dropped=dropped))


def amend(connection: Connection, place: Place, message_id: str, text: str) -> bool:
    """Change what a platform message says; platforms also tell of edits that change no word."""
    here = _said_in(place, message_id)
    _take_back(connection, place, and_(here, turns.c.text != text), text)
    changed = update(turns).where(here, turns.c.text != text).values(text=text, tokens=None)
    if connection.execute(changed).rowcount:
        return True
    return connection.execute(select(turns.c.id).where(here)).first() is not None


def withdraw(connection: Connection, place: Place, message_id: str) -> bool:
    """Forget what a platform message said; the journal itself never holds it."""
    here = _said_in(place, message_id)
    _take_back(connection, place, here)
    return connection.execute(delete(turns).where(here)).rowcount > 0


def _take_back(connection: Connection, place: Place, which: Any, becomes: str = "") -> None:
    """A turn is about to change or go: the prompts made since then hold it as it was."""
    fingerprints.remember(connection, which, becomes)
    said = select(func.min(turns.c.reply_id)).where(which).scalar_subquery()
    since = and_(replies.c.place_id == place.id, replies.c.id >= said)
    here = select(replies.c.id).where(since)
    connection.execute(delete(prompts).where(prompts.c.reply_id.in_(here)))
    withhold(connection, PROMPT, since)


def _said_in(place: Place, message_id: str) -> Any:
    return and_(turns.c.place_id == place.id, turns.c.message_id == message_id)


def _answer_of(reply_id: int) -> Any:
    return and_(turns.c.reply_id == reply_id, turns.c.role == Role.ASSISTANT)


def _turn(row: Row[Any]) -> Turn:
    author = None
    if row.author_id is not None:
        author = Author(row.author_id, row.author_name, Standing(row.author_standing))
    return Turn(row.id, Role(row.role), row.text, author)
