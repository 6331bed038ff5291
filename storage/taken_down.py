"""Answers whose message was deleted on the platform, by a moderator: nothing of them is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sqlalchemy import and_, delete, select, update
from sqlalchemy.engine import Connection

from bot.values import Place, Reply
from storage import turns
from storage.replies import find
from storage.tables import answers, preferences, prompts, replies, reply_parts, votes
from storage.withheld import ANSWER, PROMPT, withhold


def take_down(connection: Connection, place: Place, message_id: str, now: datetime) -> Reply | None:
    """The reply of which this message was a part, with the other parts; None if there is none.

    Whichever part it was, the whole answer goes, with its alternatives and what was thought of
    them, and every prompt that held it. One that is still being given is not kept either.
    """
    shows = (
        select(replies.c.id)
        .join(reply_parts, reply_parts.c.reply_id == replies.c.id)
        .where(reply_parts.c.message_id == message_id, replies.c.place_id == place.id)
    )
    reply_id = connection.execute(shows).scalar()
    reply = None if reply_id is None else find(connection, reply_id)
    if reply is None:
        return None
    _forget_prompts(connection, reply)
    turns.save_answer(connection, reply.id, "", now)
    for table in (votes, preferences, answers):
        connection.execute(delete(table).where(table.c.reply_id == reply.id))
    this = replies.c.id == reply.id
    connection.execute(update(replies).where(this).values(text="", shown=None, marked=False))
    if reply.state.ended:
        connection.execute(delete(reply_parts).where(reply_parts.c.reply_id == reply.id))
    else:
        withhold(connection, ANSWER, this)
    others = tuple(part for part in reply.parts if part.message_id != message_id)
    return replace(reply, text="", parts=others)


def _forget_prompts(connection: Connection, reply: Reply) -> None:
    since = and_(replies.c.place_id == reply.place.id, replies.c.id >= reply.id)
    here = select(replies.c.id).where(since)
    connection.execute(delete(prompts).where(prompts.c.reply_id.in_(here)))
    withhold(connection, PROMPT, since)
