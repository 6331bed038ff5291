"""Whole channels: exported, deleted, and what retention has ended; and what was used."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import and_, delete, func, insert, not_, or_, select, tuple_, update
from sqlalchemy.engine import Connection

from bot.control.records import Use
from bot.values import Place, Role
from storage.columns import rows
from storage.forgotten import FORGOTTEN
from storage.tables import (
    answers,
    audit,
    claims,
    fingerprints,
    personas,
    places,
    preferences,
    prompts,
    replies,
    reply_parts,
    settings,
    turns,
    usage,
    votes,
)
from storage.withheld import PROMPT, withhold

CHARGED = func.coalesce(replies.c.charged_id, replies.c.author_id).label("charged")
"""Whose use a reply is: who asked, or who wanted another answer."""


def of_scope(scope: str) -> Any:
    """The places of a workspace, channel or thread, with everything below it."""
    return _inside(places.c.id, scope)


def _inside(place_id: Any, scope: str) -> Any:
    """Whether a column names the place of a scope, or one below it."""
    return or_(place_id == scope, place_id.startswith(f"{scope}/", autoescape=True))


def channel_scope(place: Place) -> str:
    """The channel of a place, also where the place is one of its threads."""
    return place.scopes[1] if place.thread else place.scopes[0]


def _open_to(place: Place) -> Any:
    """The places of a channel that people see who see this place of it."""
    return or_(places.c.thread == "", places.c.closed.is_(False), places.c.id == place.id)


def _shown(place: Place, every_thread: bool) -> Any:
    """The channel with its threads: all of them, or those that people at the place see."""
    here = of_scope(channel_scope(place))
    return here if every_thread else and_(here, _open_to(place))


def closed_threads(connection: Connection, place: Place) -> int:
    """How many threads of a channel people at the place may not see."""
    hidden = and_(of_scope(channel_scope(place)), not_(_open_to(place)))
    return connection.execute(select(func.count()).where(hidden)).scalar_one()


def export(connection: Connection, place: Place, every_thread: bool) -> dict[str, Any]:
    """A channel with its threads; without `every_thread` those that people at the place see."""
    scope = channel_scope(place)
    shown = _shown(place, every_thread)
    here = select(places.c.id).where(shown)

    def scoped(table: Any) -> Any:
        # Something may be set in a thread where nothing was said yet: that is not known to be open.
        if every_thread:
            return _inside(table.c.scope, scope)
        return or_(table.c.scope.in_([scope, place.id]), table.c.scope.in_(here))

    given = select(replies.c.id).where(replies.c.place_id.in_(here))
    queries = {
        "places": select(places).where(shown),
        "turns": select(turns).where(turns.c.place_id.in_(here)).order_by(turns.c.id),
        "replies": select(replies).where(replies.c.place_id.in_(here)).order_by(replies.c.id),
        "answers": select(answers).where(answers.c.reply_id.in_(given)),
        "personas": select(personas).where(scoped(personas)),
        "settings": select(settings).where(scoped(settings)),
        "audit": select(audit).where(scoped(audit)).order_by(audit.c.id),
    }
    return {"scope": scope} | {name: rows(connection, query) for name, query in queries.items()}


def forget(connection: Connection, place: Place, every_thread: bool) -> int:
    """Delete what `export` has of a channel. Settings, personas and the audit list stay.

    What is being answered at this moment is left to its ending.
    """
    here = select(places.c.id).where(_shown(place, every_thread))
    return _delete(connection, here, replies.c.ended_at.is_not(None))


def purge(connection: Connection, scope: str, before: datetime) -> int:
    """Delete the replies that ended before a time, with what was asked and answered."""
    here = select(places.c.id).where(of_scope(scope))
    connection.execute(
        delete(claims).where(
            claims.c.claimed_at < before,
            select(places.c.id)
            .where(
                places.c.platform == claims.c.platform,
                places.c.workspace == claims.c.workspace,
                of_scope(scope),
            )
            .exists(),
        )
    )
    return _delete(connection, here, replies.c.ended_at < before)


def every_place(connection: Connection) -> list[str]:
    """The ids of all places."""
    return list(connection.execute(select(places.c.id).order_by(places.c.id)).scalars())


def purge_places(connection: Connection, ids: Sequence[str], before: datetime) -> int:
    """As `purge`, for these places alone; their claims go with their replies' age."""
    workspaces = select(places.c.platform, places.c.workspace).where(places.c.id.in_(ids))
    for platform, workspace in connection.execute(workspaces.distinct()):
        there = and_(claims.c.platform == platform, claims.c.workspace == workspace)
        connection.execute(delete(claims).where(there, claims.c.claimed_at < before))
    return _delete(connection, ids, replies.c.ended_at < before)


def forget_prompts(connection: Connection, before: datetime) -> int:
    """Delete the prompts of replies older than a time that have neither vote nor preference."""
    old = select(replies.c.id).where(replies.c.ended_at < before)
    judged = (select(votes.c.reply_id), select(preferences.c.reply_id))
    gone = and_(prompts.c.reply_id.in_(old), *(prompts.c.reply_id.not_in(ids) for ids in judged))
    return connection.execute(delete(prompts).where(gone)).rowcount


def count_use(
    connection: Connection, reply_id: int, day: date, *, prompt_tokens: int, tokens: int
) -> None:
    """Add an answer to what has been used on a day by whoever wanted it."""
    row = connection.execute(
        select(replies.c.place_id, CHARGED).where(replies.c.id == reply_id)
    ).one()
    key = {"day": day, "place_id": row.place_id, "author_id": row.charged}
    this = and_(*(usage.c[name] == value for name, value in key.items()))
    more = {
        "replies": usage.c.replies + 1,
        "prompt_tokens": usage.c.prompt_tokens + prompt_tokens,
        "tokens": usage.c.tokens + tokens,
    }
    if not connection.execute(update(usage).where(this).values(more)).rowcount:
        first = {"replies": 1, "prompt_tokens": prompt_tokens, "tokens": tokens}
        connection.execute(insert(usage).values(key | first))


def use(connection: Connection, scope: str, person: str | None, day: date) -> Use:
    """What a person, or (None) everybody, used in a scope on a day; `discord:` is all of Discord.

    A message that still waits for its answer, or is being answered, counts already.
    """
    everywhere = scope.endswith(":")
    inside = usage.c.place_id.startswith(scope, autoescape=True)
    counted = and_(usage.c.day == day, inside if everywhere else _inside(usage.c.place_id, scope))
    who = None if person is None else (person, FORGOTTEN + person)
    ended = _sum(connection, counted if who is None else and_(counted, usage.c.author_id.in_(who)))
    # Asked for every message: this walks the index of the few replies that have not ended.
    running = connection.execute(
        select(replies.c.place_id, CHARGED)
        .where(replies.c.ended_at.is_(None), replies.c.finish_reason.is_(None))
        .order_by(replies.c.id)
    ).all()
    below = scope if everywhere else f"{scope}/"
    here = [row.charged for row in running if f"{row.place_id}/".startswith(below)]
    return Use(ended.messages + sum(who is None or one in who for one in here), ended.tokens)


def totals(connection: Connection, since: date) -> dict[str, Any]:
    """What was used by day, and how many people and places that were."""
    by_day = (
        select(
            usage.c.day,
            func.sum(usage.c.replies).label("replies"),
            func.sum(usage.c.prompt_tokens).label("prompt_tokens"),
            func.sum(usage.c.tokens).label("tokens"),
            func.count(usage.c.author_id.distinct()).label("people"),
            func.count(usage.c.place_id.distinct()).label("places"),
        )
        .where(usage.c.day >= since)
        .group_by(usage.c.day)
        .order_by(usage.c.day)
    )
    states = select(replies.c.state, func.count()).group_by(replies.c.state)
    return {
        "days": rows(connection, by_day),
        "replies": {row.state: row.count for row in connection.execute(states)},
        "turns": connection.execute(select(func.count()).select_from(turns)).scalar_one(),
        "places": connection.execute(select(func.count()).select_from(places)).scalar_one(),
        "prompts": connection.execute(select(func.count()).select_from(prompts)).scalar_one(),
    }


def _sum(connection: Connection, where: Any) -> Use:
    row = connection.execute(
        select(
            func.coalesce(func.sum(usage.c.replies), 0),
            func.coalesce(func.sum(usage.c.prompt_tokens + usage.c.tokens), 0),
        ).where(where)
    ).one()
    return Use(int(row[0]), int(row[1]))


def _delete(connection: Connection, place_ids: Any, which: Any) -> int:
    """Delete replies of these places with all that belongs to them; how many turns that were."""
    gone = and_(replies.c.place_id.in_(place_ids), which)
    ids = select(replies.c.id).where(gone)
    count = connection.execute(delete(turns).where(turns.c.reply_id.in_(ids))).rowcount
    for table in (reply_parts, answers, fingerprints):
        connection.execute(delete(table).where(table.c.reply_id.in_(ids)))
    if connection.execute(delete(replies).where(gone)).rowcount:
        _forget_prompts_behind(connection, place_ids)
    return count


def _forget_prompts_behind(connection: Connection, place_ids: Any) -> None:
    """Delete the prompts of younger replies that hold turns which are gone.

    A prompt holds the newest turns up to its question: if those are more than there are now, then
    it holds others. Which turns the prompt of a running answer holds is not known yet.
    """
    in_order = (turns.c.reply_id, turns.c.id)
    number = func.row_number().over(partition_by=turns.c.place_id, order_by=in_order)
    numbered = select(turns.c.reply_id, turns.c.role, number.label("number"))
    left = numbered.where(turns.c.place_id.in_(place_ids)).subquery()
    behind = (
        select(answers.c.reply_id, answers.c.number)
        .join(left, left.c.reply_id == answers.c.reply_id)
        .where(left.c.role == Role.USER)
        .group_by(answers.c.reply_id, answers.c.number, answers.c.kept)
        .having(answers.c.kept > func.max(left.c.number))
    )
    these = tuple_(prompts.c.reply_id, prompts.c.number)
    connection.execute(delete(prompts).where(these.in_(behind)))
    withhold(connection, PROMPT, replies.c.place_id.in_(place_ids))
