"""What people think of answers, and all of it that training needs."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import and_, delete, insert, select, union
from sqlalchemy.engine import Connection

from bot.control.records import Example, Messages, Preference, Verdict, Vote
from bot.values import Author
from storage.answers import alternatives, unpacked
from storage.opted_out import with_their_words
from storage.tables import answers, people, places, preferences, prompts, replies, votes

SCORES = {Verdict.UP: 1, Verdict.DOWN: -1}


def vote(connection: Connection, given: Vote, now: datetime) -> bool:
    """One vote of a person on an answer: the last one counts.

    The same verdict once more, without a reason, keeps the reason that there was.
    """
    if not _exists(connection, given.reply_id, given.number):
        return False
    key = {"reply_id": given.reply_id, "number": given.number, "author_id": given.author.id}
    row = {
        **key,
        "author_name": given.author.name,
        "score": SCORES[given.verdict],
        "reason": given.reason or _reason(connection, given),
        "given_at": now,
    }
    _replace(connection, votes, key, row)
    return True


def prefer(connection: Connection, given: Preference, now: datetime) -> bool:
    """One choice of a person between the same two answers: the last one counts."""
    if not all(_exists(connection, given.reply_id, n) for n in (given.better, given.worse)):
        return False
    if given.better == given.worse:
        return False
    mine = and_(
        preferences.c.reply_id == given.reply_id,
        preferences.c.author_id == given.author.id,
        preferences.c.better.in_((given.better, given.worse)),
        preferences.c.worse.in_((given.better, given.worse)),
    )
    connection.execute(delete(preferences).where(mine))
    connection.execute(
        insert(preferences).values(
            reply_id=given.reply_id,
            author_id=given.author.id,
            author_name=given.author.name,
            better=given.better,
            worse=given.worse,
            given_at=now,
        )
    )
    return True


def examples(
    connection: Connection, after: int, limit: int, opted_out: Mapping[str, int] | None = None
) -> list[Example]:
    """Replies with feedback of which a prompt is kept, without that of people who opted out.

    `opted_out` is what `with_their_words` found.
    """
    given = union(
        select(votes.c.reply_id).where(_counts(votes)),
        select(preferences.c.reply_id).where(_counts(preferences)),
    ).subquery()
    found = (
        select(given.c.reply_id, replies.c.place_id)
        .join(replies, replies.c.id == given.c.reply_id)
        .where(given.c.reply_id > after, given.c.reply_id.in_(select(prompts.c.reply_id)))
        .order_by(given.c.reply_id)
    )
    since = with_their_words(connection) if opted_out is None else opted_out
    with connection.execute(found) as rows:
        ids = (row.reply_id for row in rows if row.reply_id < since.get(row.place_id, math.inf))
        chosen = list(islice(ids, limit))
    return [_example(connection, reply_id) for reply_id in chosen]


def _example(connection: Connection, reply_id: int) -> Example:
    kept = select(prompts.c.number, prompts.c.content).where(prompts.c.reply_id == reply_id)
    given = defaultdict[Any, list[Any]](list)
    for table in (votes, preferences):
        mine = and_(table.c.reply_id == reply_id, _counts(table))
        given[table] = list(connection.execute(select(table).where(mine)))
    return Example(
        reply_id=reply_id,
        prompts={number: _messages(content) for number, content in connection.execute(kept)},
        answers=alternatives(connection, reply_id),
        votes=tuple(
            Vote(
                reply_id,
                row.number,
                Author(row.author_id, row.author_name),
                Verdict.UP if row.score > 0 else Verdict.DOWN,
                row.reason or "",
            )
            for row in given[votes]
        ),
        preferences=tuple(
            Preference(reply_id, row.better, row.worse, Author(row.author_id, row.author_name))
            for row in given[preferences]
        ),
    )


def _messages(content: bytes) -> Messages:
    return tuple((role, text) for role, text in unpacked(content)["messages"])


def _counts(table: Any) -> Any:
    """Feedback of somebody who has not opted out on the platform of the reply."""
    return (
        ~select(people.c.person)
        .select_from(people)
        .join(places, places.c.platform == people.c.platform)
        .join(replies, replies.c.place_id == places.c.id)
        .where(
            replies.c.id == table.c.reply_id,
            people.c.person == table.c.author_id,
            people.c.feedback_use.is_(False),
        )
        .correlate(table)
        .exists()
    )


def _reason(connection: Connection, given: Vote) -> str:
    """Why this person gave the same verdict before."""
    same = and_(
        votes.c.reply_id == given.reply_id,
        votes.c.number == given.number,
        votes.c.author_id == given.author.id,
        votes.c.score == SCORES[given.verdict],
    )
    return connection.execute(select(votes.c.reason).where(same)).scalar() or ""


def _exists(connection: Connection, reply_id: int, number: int) -> bool:
    this = and_(answers.c.reply_id == reply_id, answers.c.number == number)
    return connection.execute(select(answers.c.number).where(this)).first() is not None


def _replace(connection: Connection, table: Any, key: dict[str, Any], row: dict[str, Any]) -> None:
    same = and_(*(table.c[name] == value for name, value in key.items()))
    connection.execute(delete(table).where(same))
    connection.execute(insert(table).values(row))
