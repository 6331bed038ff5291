"""Answers after they were given: alternatives, and going back or on from them."""

from __future__ import annotations

import json
import zlib
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, exists, func, insert, or_, select, update
from sqlalchemy.engine import Connection, Row

from bot.control.records import Alternative, Origin, Record
from bot.values import (
    Author,
    Finish,
    FinishReason,
    Persona,
    Place,
    Prompt,
    Reply,
    ReplyState,
    Standing,
)
from storage import fingerprints, turns
from storage.replies import find, give_again
from storage.tables import answers, personas, places, prompts, replies, reply_parts
from storage.tables import turns as said
from storage.withheld import withheld


def save(
    connection: Connection,
    reply_id: int,
    text: str,
    finish: Finish,
    prompt: Prompt,
    origin: Origin,
    now: datetime,
) -> None:
    """Add an answer, with its prompt unless that is withheld, and make it the one in use."""
    newest = select(func.max(answers.c.number)).where(answers.c.reply_id == reply_id)
    number = (connection.execute(newest).scalar() or 0) + 1
    connection.execute(
        insert(answers).values(
            reply_id=reply_id,
            number=number,
            text=text,
            made_at=now,
            model=origin.model,
            precision=origin.precision,
            adapter=origin.adapter,
            sampling=dict(origin.sampling),
            seconds=origin.seconds,
            seed=finish.seed,
            finish_reason=finish.reason,
            tokens=finish.tokens,
            prompt_tokens=finish.prompt_tokens,
            reused_tokens=finish.reused,
            persona_scope=prompt.persona and prompt.persona.scope,
            persona_version=prompt.persona and prompt.persona.version,
            kept=prompt.kept,
            dropped=prompt.dropped,
        )
    )
    if withheld(connection, reply_id) is None:
        kept = {"reply_id": reply_id, "number": number, "content": packed(prompt)}
        connection.execute(insert(prompts).values(kept))
    connection.execute(update(replies).where(replies.c.id == reply_id).values(shown=number))


def packed(prompt: Prompt) -> bytes:
    """A prompt as it is kept: compressed JSON with its text, ids and messages."""
    content = {"text": prompt.text, "ids": prompt.ids, "messages": prompt.messages}
    return zlib.compress(json.dumps(content).encode())


def unpacked(content: bytes) -> dict[str, Any]:
    """What `packed` made."""
    value: dict[str, Any] = json.loads(zlib.decompress(content))
    return value


def record(connection: Connection, reply_id: int) -> Record | None:
    """One reply with its alternatives."""
    row = connection.execute(
        select(replies, places.c.private).join(places).where(replies.c.id == reply_id)
    ).first()
    return None if row is None else _record(connection, row)


def newest_id(connection: Connection, place_id: str) -> int | None:
    """The newest reply within the Place's window that still has a turn, or is being given."""
    living = exists().where(said.c.reply_id == replies.c.id)
    inside = and_(
        replies.c.id >= places.c.first_reply_id,
        exists().where(
            said.c.reply_id == replies.c.id,
            (replies.c.id > places.c.first_reply_id) | (said.c.id >= places.c.first_turn_id),
        ),
    )
    found = (
        select(replies.c.id)
        .join(places)
        .where(replies.c.place_id == place_id, replies.c.state != ReplyState.MERGED, living, inside)
        .order_by(replies.c.id.desc())
        .limit(1)
    )
    return connection.execute(found).scalar()


def newest_record(connection: Connection, place: Place) -> Record | None:
    """The newest reply of the conversation."""
    reply_id = newest_id(connection, place.id)
    return None if reply_id is None else record(connection, reply_id)


def of_message(connection: Connection, place: Place, message_id: str) -> Record | None:
    """The reply that a message shows, or that answers it."""
    shows = (
        select(reply_parts.c.reply_id)
        .join(replies, replies.c.id == reply_parts.c.reply_id)
        .where(reply_parts.c.message_id == message_id, replies.c.place_id == place.id)
    )
    asked = select(said.c.reply_id).where(
        said.c.message_id == message_id, said.c.place_id == place.id
    )
    reply_id = connection.execute(shows).scalar() or connection.execute(asked).scalar()
    return None if reply_id is None else record(connection, reply_id)


def newest_place(connection: Connection, channel: Place, person: str) -> Place | None:
    """Where in a channel, its threads among them, this person asked last."""
    found = (
        select(replies.c.place_id)
        .where(
            replies.c.author_id == person,
            or_(
                replies.c.place_id == channel.id,
                # Not as a range: what lies between two texts is for the database's language to say.
                replies.c.place_id.startswith(f"{channel.id}/", autoescape=True),
            ),
        )
        .order_by(replies.c.id.desc())
        .limit(1)
    )
    place_id = connection.execute(found).scalar()
    return None if place_id is None else Place.parse(place_id, private=channel.private)


def reopen(connection: Connection, reply_id: int, person: str, now: datetime) -> Reply | None:
    """The newest reply of its Place, if it has ended, is queued again, as the person's use."""
    reply = find(connection, reply_id)
    if reply is None or not reply.state.ended or not _is_newest(connection, reply):
        return None
    turns.save_answer(connection, reply_id, "", now)
    connection.execute(update(replies).where(replies.c.id == reply_id).values(charged_id=person))
    return give_again(connection, reply_id, ReplyState.QUEUED, "", now)


def choose(connection: Connection, reply_id: int, number: int, now: datetime) -> Reply | None:
    """Bring another answer back: its text is the turn again, and has still to be shown."""
    reply = find(connection, reply_id)
    this = and_(answers.c.reply_id == reply_id, answers.c.number == number)
    chosen = connection.execute(select(answers).where(this)).first()
    if reply is None or chosen is None or not reply.state.ended:
        return None
    if not _is_newest(connection, reply):
        return None
    turns.save_answer(connection, reply_id, chosen.text, now, tokens=chosen.tokens)
    connection.execute(update(replies).where(replies.c.id == reply_id).values(shown=number))
    return give_again(connection, reply_id, ReplyState.DELIVERING, chosen.text, now)


def undo(connection: Connection, place: Place) -> Reply | None:
    """Take the turns of the newest exchange out; an answer that is being given is left alone."""
    reply_id = newest_id(connection, place.id)
    reply = None if reply_id is None else find(connection, reply_id)
    if reply is None or not reply.state.ended:
        return None
    fingerprints.remember(connection, said.c.reply_id == reply.id)
    connection.execute(delete(said).where(said.c.reply_id == reply.id))
    connection.execute(delete(prompts).where(prompts.c.reply_id == reply.id))
    return reply


def reset(connection: Connection, place: Place, waiting: int | None = None) -> int:
    """Move the window behind everything before the reply that is `waiting`, or behind everything.

    Returns how many turns were in it.
    """
    newest = connection.execute(
        select(func.max(replies.c.id)).where(replies.c.place_id == place.id)
    ).scalar()
    if newest is None:
        return 0
    found = connection.execute(turns.window(place.id, newest + 1)).all()
    start = {"first_reply_id": newest, "first_turn_id": turns.NEVER}
    if waiting is not None:
        start = {"first_reply_id": waiting, "first_turn_id": 0}
    connection.execute(update(places).where(places.c.id == place.id).values(start))
    return sum(waiting is None or row.reply_id < waiting for row in found)


def alternatives(connection: Connection, reply_id: int) -> tuple[Alternative, ...]:
    """All answers to one message, the first one first."""
    rows = connection.execute(
        select(answers, personas.c.text.label("persona_text"))
        .join(
            personas,
            and_(
                personas.c.scope == answers.c.persona_scope,
                personas.c.version == answers.c.persona_version,
            ),
            isouter=True,
        )
        .where(answers.c.reply_id == reply_id)
        .order_by(answers.c.number)
    )
    return tuple(map(_alternative, rows))


def _alternative(row: Row[Any]) -> Alternative:
    persona = None
    if row.persona_version is not None:
        persona = Persona(row.persona_text or "", row.persona_version, row.persona_scope or "")
    return Alternative(
        number=row.number,
        text=row.text,
        origin=Origin(
            row.model, row.precision, row.adapter, tuple(row.sampling.items()), row.seconds
        ),
        finish=FinishReason(row.finish_reason),
        seed=row.seed,
        tokens=row.tokens,
        prompt_tokens=row.prompt_tokens,
        reused=row.reused_tokens,
        kept=row.kept,
        dropped=row.dropped,
        persona=persona,
        made_at=row.made_at,
    )


def _record(connection: Connection, row: Row[Any]) -> Record:
    return Record(
        reply_id=row.id,
        place=Place.parse(row.place_id, private=row.private),
        author=Author(row.author_id, row.author_name, Standing(row.author_standing)),
        message_id=row.message_id,
        state=ReplyState(row.state),
        text=row.text,
        shown=row.shown or 0,
        alternatives=alternatives(connection, row.id),
        newest=newest_id(connection, row.place_id) == row.id,
    )


def _is_newest(connection: Connection, reply: Reply) -> bool:
    return newest_id(connection, reply.place.id) == reply.id
