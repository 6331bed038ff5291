"""What is kept about a person: shown, exported exactly as it is, and deleted everywhere."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import and_, delete, func, insert, select, update
from sqlalchemy.engine import Connection

from bot.control.records import Stored
from storage import quotes
from storage.answers import unpacked
from storage.cleaning import clean
from storage.columns import rows
from storage.fingerprints import said_once
from storage.forgotten import keep_use
from storage.heard import where_heard, where_named
from storage.listed import forget_changes, listed
from storage.redaction import Redaction
from storage.said import Said
from storage.tables import (
    answers,
    audit,
    fingerprints,
    people,
    personas,
    places,
    preferences,
    prompts,
    replies,
    reply_parts,
    turns,
    usage,
    votes,
)
from storage.withheld import ANSWER, withhold
from storage.wrote import Wrote, in_force, wrote


def stored(
    connection: Connection, platform: str, person: str, presets: Collection[str] = ()
) -> Stored:
    """How much is kept."""
    mine = _mine(platform, person)

    def count(table: Any) -> int:
        found = select(func.count()).select_from(table).where(mine[table])
        return connection.execute(found).scalar_one()

    first = select(func.min(turns.c.said_at), func.count(turns.c.place_id.distinct()))
    since, where = connection.execute(first.where(mine[turns])).one()
    return Stored(
        messages=count(turns),
        answers=count(replies),
        votes=count(votes) + count(preferences),
        personas=count(personas),
        in_force=len(in_force(connection, wrote(connection, platform, person, presets))),
        places=where,
        lists=len(listed(connection, platform, person)),
        since=since,
        feedback_use=uses_feedback(connection, platform, person),
        locale=locale(connection, platform, person),
    )


def uses_feedback(connection: Connection, platform: str, person: str) -> bool:
    """Whether the person's feedback may be used; it may until they say otherwise."""
    this = _this(platform, person)
    chosen = connection.execute(select(people.c.feedback_use).where(this)).scalar()
    return True if chosen is None else bool(chosen)


def use_feedback(connection: Connection, platform: str, person: str, use: bool) -> None:
    """Save what the person decided."""
    _keep(connection, platform, person, {"feedback_use": use})


def locale(connection: Connection, platform: str, person: str) -> str:
    """The language that they use the platform in; empty where that is not known."""
    found = select(people.c.locale).where(_this(platform, person))
    return connection.execute(found).scalar() or ""


def keep_locale(connection: Connection, platform: str, person: str, spoken: str) -> None:
    """Save what the platform told."""
    _keep(connection, platform, person, {"locale": spoken})


def _keep(connection: Connection, platform: str, person: str, values: dict[str, Any]) -> None:
    this = _this(platform, person)
    if not connection.execute(update(people).where(this).values(values)).rowcount:
        new = {"platform": platform, "person": person, "feedback_use": True}
        connection.execute(insert(people).values(new | values))


def _this(platform: str, person: str) -> Any:
    return and_(people.c.platform == platform, people.c.person == person)


def export(connection: Connection, platform: str, person: str) -> dict[str, Any]:
    """Every row that names the person, and the answers that they were given."""
    mine = _mine(platform, person)
    asked = select(replies.c.id).where(mine[replies])
    return {
        "platform": platform,
        "person": person,
        "feedback_use": uses_feedback(connection, platform, person),
        "locale": locale(connection, platform, person),
        **{
            table.name: rows(connection, select(table).where(mine[table]))
            for table in (turns, replies, votes, preferences, personas, audit, usage, fingerprints)
        },
        "answers": rows(connection, select(answers).where(answers.c.reply_id.in_(asked))),
        "reply_parts": rows(
            connection, select(reply_parts).where(reply_parts.c.reply_id.in_(asked))
        ),
        "prompts": _prompts(connection, mine[replies]),
        "access": listed(connection, platform, person),
    }


def _prompts(connection: Connection, asked: Any) -> list[dict[str, Any]]:
    """The prompts of the person's own conversations; those of channels hold what others said."""
    alone = select(prompts).join(replies, replies.c.id == prompts.c.reply_id).join(places)
    found = connection.execute(alone.where(asked, places.c.private))
    return [
        {"reply_id": row.reply_id, "number": row.number, **unpacked(row.content)} for row in found
    ]


def forget(
    connection: Connection,
    platform: str,
    person: str,
    names: Collection[str],
    presets: Collection[str],
    now: datetime,
) -> Stored:
    """Delete the person's words, names and ids; see docs/decisions/0010 for what stays.

    `names` are what the person is called now; those under which they spoke are known. Personas
    that are `presets` are nobody's words.
    """
    before = stored(connection, platform, person, presets)
    mine = _mine(platform, person)
    known = {name for name in (*names, *_names(connection, mine)) if name}
    quoting = quotes.of_person(platform, person)
    heard = where_heard(connection, mine)
    named = where_named(connection, platform, mine, known, heard)
    named = sorted({*named, *quotes.where_quoted(connection, quoting)}.difference(heard))
    # What is being written at this moment was made of their words, and may still repeat them.
    # Before all else: what is completed meanwhile, in another transaction, waits for this one.
    withhold(connection, ANSWER, replies.c.place_id.in_([*heard, *named]))
    once = said_once(connection, platform, person, mine[fingerprints])
    spoken = list(connection.execute(select(turns.c.text).where(mine[turns])).scalars())
    rows = wrote(connection, platform, person, presets)
    said = Said(connection, platform, person, mine, known)
    of_them = Wrote(connection, rows, presets, said.before, heard)
    of_them.withhold()
    _redact(connection, mine, Redaction(spoken, known, once), heard)
    # Where nobody heard them, what is like their words is somebody else's.
    _redact(connection, mine, Redaction((), known), named)
    of_them.forget(known, now)
    quotes.unquote(connection, quoting)
    here = select(replies.c.id).where(replies.c.place_id.in_([*heard, *named]))
    connection.execute(delete(prompts).where(prompts.c.reply_id.in_(here)))
    for table in (votes, preferences, turns, fingerprints):
        connection.execute(delete(table).where(mine[table]))
    forget_changes(connection, platform, person)
    today = now.astimezone(UTC).date()
    keep_use(connection, platform, person, mine[usage], mine[replies], today)
    nobody = {"author_id": "", "author_name": ""}
    connection.execute(update(personas).where(mine[personas]).values(nobody))
    connection.execute(update(replies).where(mine[replies]).values(nobody))
    connection.execute(update(audit).where(mine[audit]).values(nobody))
    this = _this(platform, person)
    connection.execute(delete(people).where(this, people.c.feedback_use.is_(True)))
    connection.execute(update(people).where(this).values(locale=None))
    return before


def names_of(connection: Connection, platform: str, person: str) -> set[str]:
    """All names under which a person is kept."""
    return _names(connection, _mine(platform, person))


def _names(connection: Connection, mine: dict[Any, Any]) -> set[str]:
    """All names under which the person spoke, voted or changed something."""
    tables = (turns, replies, votes, preferences, personas, audit)
    found = (select(table.c.author_name).where(mine[table]).distinct() for table in tables)
    return {name for query in found for name in connection.execute(query).scalars() if name}


def _redact(
    connection: Connection, mine: dict[Any, Any], redaction: Redaction, where: Sequence[str]
) -> None:
    """Take the person's words out of everything that others wrote where they were heard."""
    theirs = frozenset(connection.execute(select(replies.c.id).where(mine[replies])).scalars())
    here = select(replies.c.id).where(replies.c.place_id.in_(where))
    clean(connection, turns.c.text, turns.c.place_id.in_(where), redaction, theirs)
    clean(connection, replies.c.text, replies.c.place_id.in_(where), redaction, theirs)
    clean(connection, answers.c.text, answers.c.reply_id.in_(here), redaction, theirs)
    clean(connection, reply_parts.c.text, reply_parts.c.reply_id.in_(here), redaction, theirs)
    clean(connection, votes.c.reason, votes.c.reply_id.in_(here), redaction)


def _mine(platform: str, person: str) -> dict[Any, Any]:
    """For each table what is the person's; ids of other platforms may be the same."""
    here = select(places.c.id).where(places.c.platform == platform)
    answered = select(replies.c.id).where(replies.c.place_id.in_(here))
    scoped = f"{platform}:"
    return {
        turns: and_(turns.c.author_id == person, turns.c.place_id.in_(here)),
        replies: and_(replies.c.author_id == person, replies.c.place_id.in_(here)),
        votes: and_(votes.c.author_id == person, votes.c.reply_id.in_(answered)),
        preferences: and_(preferences.c.author_id == person, preferences.c.reply_id.in_(answered)),
        personas: and_(
            personas.c.author_id == person, personas.c.scope.startswith(scoped, autoescape=True)
        ),
        audit: and_(audit.c.author_id == person, audit.c.scope.startswith(scoped, autoescape=True)),
        fingerprints: and_(
            fingerprints.c.author_id == person, fingerprints.c.reply_id.in_(answered)
        ),
        usage: and_(usage.c.author_id == person, usage.c.place_id.in_(here)),
    }
