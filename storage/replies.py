"""The journal: every reply from its claim to its ending."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import case, delete, func, insert, null, select, update
from sqlalchemy.engine import Connection, Row
from sqlalchemy.exc import IntegrityError

from bot.values import Author, Finish, Inbound, Part, Place, Prompt, Reply, ReplyState, Standing
from storage import turns
from storage.tables import claims, places, replies, reply_parts
from storage.withheld import ANSWER, kept

log = structlog.get_logger(__name__)

LOOKED_AT = 1_000
"""The newest replies, among which those are looked for that a crash left with messages to spare."""


def claim(connection: Connection, inbound: Inbound, now: datetime) -> Reply | None:
    """Save the message as a turn and open its reply; None if the message was claimed before."""
    key = {
        "platform": inbound.place.platform,
        "workspace": inbound.place.workspace,
        "message_id": inbound.message_id,
    }
    if not _insert_once(connection, claims, {**key, "claimed_at": now}):
        return None
    _settle(connection, inbound.place, now)
    author = inbound.author
    reply_id: int = connection.execute(
        insert(replies)
        .values(
            place_id=inbound.place.id,
            author_id=author.id,
            author_name=author.name,
            author_standing=author.standing,
            message_id=inbound.message_id,
            state=ReplyState.CLAIMED,
            text="",
            reason="",
            claimed_at=now,
            updated_at=now,
        )
        .returning(replies.c.id)
    ).scalar_one()
    turns.save_question(connection, inbound, reply_id)
    return Reply(reply_id, inbound.place, author, inbound.message_id, ReplyState.CLAIMED, now)


def merge(connection: Connection, merged: Sequence[int], into: int, now: datetime) -> None:
    """End unfinished replies of the same Place; their turns are answered by `into`."""
    place_id = select(replies.c.place_id).where(replies.c.id == into).scalar_subquery()
    for reply_id in merged:
        if reply_id == into:
            continue
        ending = Ending(ReplyState.MERGED, f"answered by reply {into}", now)
        if _change(connection, reply_id, ending.values, replies.c.place_id == place_id):
            turns.hand_over(connection, reply_id, into)


def advance(
    connection: Connection, reply_id: int, state: ReplyState, now: datetime, *, attempt: bool
) -> None:
    """Move an unfinished reply to another unfinished state, and count that if it is an attempt.

    A queued one has no prompt yet, or after a restart not any more. Unless there is an answer that
    it may fall back on, nothing need be withheld: what is gone by now will not stand in it.
    """
    values: dict[str, Any] = {"state": state, "updated_at": now}
    values["attempts"] = replies.c.attempts + int(attempt)
    if state is ReplyState.QUEUED:
        first = replies.c.shown.is_(None)
        values["withheld"] = case((first, null()), else_=replies.c.withheld)
    _change(connection, reply_id, values)


def spare(connection: Connection, reply_id: int) -> None:
    """Count one attempt less."""
    attempts = replies.c.attempts
    _change(connection, reply_id, {"attempts": attempts - 1}, attempts > 0)


def flush(connection: Connection, reply_id: int, text: str, now: datetime) -> None:
    """Note the text so far. Once the text is whole, a late flush changes nothing."""
    open_ = replies.c.withheld.is_(None) | (replies.c.withheld != ANSWER)
    growing = replies.c.finish_reason.is_(None) & open_
    _change(connection, reply_id, {"text": text, "updated_at": now}, growing)


def save_part(connection: Connection, reply_id: int, part: Part) -> None:
    """Note a platform message of the reply; it exists, whatever became of the reply."""
    text = kept(connection, reply_id, part.text)
    shown = {"message_id": part.message_id, "text": text}
    this = (reply_parts.c.reply_id == reply_id) & (reply_parts.c.idx == part.index)
    if not connection.execute(update(reply_parts).where(this).values(shown)).rowcount:
        connection.execute(insert(reply_parts).values(reply_id=reply_id, idx=part.index, **shown))


def drop_part(connection: Connection, reply_id: int, index: int) -> None:
    """Forget a platform message of the reply, which is no more."""
    this = (reply_parts.c.reply_id == reply_id) & (reply_parts.c.idx == index)
    connection.execute(delete(reply_parts).where(this))


def complete(
    connection: Connection,
    reply_id: int,
    text: str,
    finish: Finish,
    prompt: Prompt,
    now: datetime,
) -> bool:
    """Save the whole text, what it was made from, and its turn; False if the reply has ended."""
    facts = {
        "persona_scope": prompt.persona and prompt.persona.scope,
        "persona_version": prompt.persona and prompt.persona.version,
        "kept": prompt.kept,
        "dropped": prompt.dropped,
        "prompt_tokens": finish.prompt_tokens,
        "reused_tokens": finish.reused,
        "tokens": finish.tokens,
        "finish_reason": finish.reason,
        "seed": finish.seed,
    }
    values = {"text": text, "state": ReplyState.DELIVERING, "updated_at": now, **facts}
    if not _change(connection, reply_id, values):
        return False
    turns.save_answer(connection, reply_id, text, now, tokens=finish.tokens)
    return True


@dataclass(frozen=True, slots=True)
class Ending:
    """How a reply ends; `marked` if its messages may still show an unfinished answer."""

    state: ReplyState
    reason: str
    at: datetime
    marked: bool = False

    @property
    def values(self) -> dict[str, Any]:
        """The columns of the reply that say so."""
        times = {"updated_at": self.at, "ended_at": self.at}
        facts = {"state": self.state, "reason": self.reason, "marked": self.marked}
        return {**facts, "charged_id": None, **times}


def end(connection: Connection, reply_id: int, ending: Ending, text: str | None) -> None:
    """End a reply once. A text given here becomes its turn unless it has one."""
    if text is None or turns.answered(connection, reply_id):
        _change(connection, reply_id, ending.values)
        return
    text = kept(connection, reply_id, text)
    if _change(connection, reply_id, {"text": text, **ending.values}):
        turns.save_answer(connection, reply_id, text, ending.at)


def marked(connection: Connection, platform: str, place: Place | None) -> list[int]:
    """The newest replies that ended `marked`, of a platform or of one Place."""
    newest = connection.execute(select(func.max(replies.c.id))).scalar() or 0
    here = places.c.platform == platform if place is None else places.c.id == place.id
    these = replies.c.marked & (replies.c.id > newest - LOOKED_AT) & here
    return list(connection.execute(select(replies.c.id).join(places).where(these)).scalars())


def reopen(connection: Connection, ids: Sequence[int], now: datetime) -> list[Reply]:
    """Make replies that have ended unfinished again, as a crash would have left them."""
    whole = replies.c.finish_reason.is_not(None)
    values = {
        "state": case((whole, ReplyState.DELIVERING), else_=ReplyState.GENERATING),
        "reason": "",
        "marked": False,
        "withheld": None,
        "updated_at": now,
        "ended_at": None,
    }
    connection.execute(update(replies).where(replies.c.id.in_(ids)).values(values))
    return _with_parts(connection, replies.c.id.in_(ids))


def unfinished(connection: Connection, platform: str) -> list[Reply]:
    """The replies of a platform that have no ending, oldest first, with their parts."""
    found = _with_parts(connection, replies.c.ended_at.is_(None), places.c.platform == platform)
    standing = _standing(connection, {reply.place.id for reply in found})
    return [
        replace(
            reply,
            beside=frozenset(
                message_id
                for reply_id, message_id in standing[reply.place.id]
                if reply_id != reply.id
            ),
        )
        for reply in found
    ]


def _standing(connection: Connection, place_ids: set[str]) -> dict[str, list[tuple[int, str]]]:
    """The newest replies' messages in these Places, by Place."""
    newest = connection.execute(select(func.max(replies.c.id))).scalar() or 0
    found = defaultdict[str, list[tuple[int, str]]](list)
    rows = connection.execute(
        select(replies.c.place_id, reply_parts.c.reply_id, reply_parts.c.message_id)
        .join(replies, replies.c.id == reply_parts.c.reply_id)
        .where(replies.c.id > newest - LOOKED_AT)
    )
    for place_id, reply_id, message_id in rows:
        if place_id in place_ids:
            found[place_id].append((reply_id, message_id))
    return found


def left_over(connection: Connection, platform: str) -> list[Reply]:
    """Replies of a platform that were merged into others and still have messages of their own."""
    newest = connection.execute(select(func.max(replies.c.id))).scalar() or 0
    merged = _with_parts(
        connection,
        replies.c.id > newest - LOOKED_AT,
        replies.c.state == ReplyState.MERGED,
        places.c.platform == platform,
    )
    return [reply for reply in merged if reply.parts]


def _with_parts(connection: Connection, *which: Any) -> list[Reply]:
    rows = connection.execute(
        select(replies, places.c.private).join(places).where(*which).order_by(replies.c.id)
    ).all()
    parts = defaultdict[int, list[Part]](list)
    for reply_id, *shown in connection.execute(
        select(reply_parts)
        .join(replies, replies.c.id == reply_parts.c.reply_id)
        .join(places, places.c.id == replies.c.place_id)
        .where(*which)
        .order_by(replies.c.id, reply_parts.c.idx)
    ):
        parts[reply_id].append(Part(*shown))
    return [_reply(row, parts[row.id]) for row in rows]


def find(connection: Connection, reply_id: int) -> Reply | None:
    """One reply with its parts."""
    row = connection.execute(
        select(replies, places.c.private).join(places).where(replies.c.id == reply_id)
    ).first()
    if row is None:
        return None
    mine = select(reply_parts).where(reply_parts.c.reply_id == reply_id)
    parts = connection.execute(mine.order_by(reply_parts.c.idx))
    return _reply(row, [Part(*shown) for _, *shown in parts])


def give_again(
    connection: Connection, reply_id: int, state: ReplyState, text: str, now: datetime
) -> Reply | None:
    """Make an ended reply unfinished again. Its claim is as of now, so that a restart goes on."""
    again = {"state": state, "text": text, "reason": "", "claimed_at": now, "updated_at": now}
    unended = {"ended_at": None, "finish_reason": None, "attempts": 0, "withheld": None}
    if state is ReplyState.DELIVERING:
        del unended["finish_reason"]
    connection.execute(update(replies).where(replies.c.id == reply_id).values({**again, **unended}))
    return find(connection, reply_id)


def _reply(row: Row[Any], parts: Sequence[Part]) -> Reply:
    return Reply(
        id=row.id,
        place=Place.parse(row.place_id, private=row.private),
        author=Author(row.author_id, row.author_name, Standing(row.author_standing)),
        message_id=row.message_id,
        state=ReplyState(row.state),
        claimed_at=row.claimed_at,
        text=row.text,
        parts=tuple(parts),
        reason=row.reason,
        attempts=row.attempts,
    )


def _change(connection: Connection, reply_id: int, values: dict[str, Any], *where: Any) -> bool:
    """Change a reply that has not ended: an ending may race with the answer's last steps."""
    alive = (replies.c.id == reply_id, replies.c.ended_at.is_(None), *where)
    changed = connection.execute(update(replies).where(*alive).values(values)).rowcount > 0
    if not changed:
        log.debug("reply left as it is", reply=reply_id, state=values.get("state"))
    return changed


def _settle(connection: Connection, place: Place, now: datetime) -> None:
    """Make the Place known to the database; what is closed stays so."""
    known = connection.execute(select(places.c.closed).where(places.c.id == place.id)).first()
    if known is not None:
        if known.closed is None or (place.closed and not known.closed):
            this = places.c.id == place.id
            connection.execute(update(places).where(this).values(closed=place.closed))
        return
    row = {
        "id": place.id,
        "platform": place.platform,
        "workspace": place.workspace,
        "channel": place.channel,
        "thread": place.thread,
        "private": place.private,
        "closed": place.closed,
        "created_at": now,
    }
    _insert_once(connection, places, row)


def _insert_once(connection: Connection, table: Any, row: dict[str, Any]) -> bool:
    """Insert a row, or say that its key is taken; a savepoint does this on every database."""
    try:
        with connection.begin_nested():
            connection.execute(insert(table).values(row))
    except IntegrityError:
        return False
    return True
