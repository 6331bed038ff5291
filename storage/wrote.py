"""Personas that a person wrote, and what others wrote about them there: both go with the person."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, delete, func, insert, or_, select, update
from sqlalchemy.engine import Connection, Row

from bot.values import Place, Role
from storage.cleaning import clean
from storage.redaction import GONE, Redaction
from storage.tables import answers, audit, personas, prompts, replies, reply_parts, turns
from storage.withheld import ANSWER, withhold

PERSONA = "persona"
"""What the audit list calls a change of one."""


def wrote(
    connection: Connection, platform: str, person: str, presets: Collection[str]
) -> list[Row[Any]]:
    """Versions with the person's words; somebody else may have restored one in its scope.

    Words are whose they were first there: who restores a version has written nothing. In another
    scope the same words are not the person's, and presets are the operator's.
    """
    here = personas.c.scope.startswith(f"{platform}:", autoescape=True)
    scopes = select(personas.c.scope).where(personas.c.author_id == person, here)
    of = select(personas).where(personas.c.scope.in_(scopes))
    rows = connection.execute(of.order_by(personas.c.scope, personas.c.version)).all()
    first: dict[tuple[str, str], str] = {}
    for row in rows:
        first.setdefault((row.scope, row.text), row.author_id)
    return [
        row
        for row in rows
        if row.text and row.text not in presets and first[row.scope, row.text] == person
    ]


def in_force(connection: Connection, rows: Sequence[Row[Any]]) -> list[str]:
    """The scopes in which one of these versions is the newest."""
    newest = set(
        connection.execute(select(func.max(personas.c.id)).group_by(personas.c.scope)).scalars()
    )
    return [row.scope for row in rows if row.id in newest]


@dataclass(frozen=True, slots=True)
class Change:
    """What a text of a scope's personas becomes, and what of it were the person's words."""

    scope: str
    versions: tuple[int, ...]
    text: str
    becomes: str
    taken: Sequence[str]


class Wrote:
    """What is to be cleaned of a person's personas, and of what others wrote about them in theirs.

    `redaction` makes one of the person's names, of texts, and of what they had said in a place by
    a time: what others wrote before that, they did not have from the person.
    """

    def __init__(
        self,
        connection: Connection,
        rows: Sequence[Row[Any]],
        presets: Collection[str],
        redaction: Callable[[str, datetime, Collection[str]], Redaction],
        heard: Collection[str],
    ) -> None:
        self._connection = connection
        self._rows = rows
        self._own = {(row.scope, row.text) for row in rows}
        self._redaction = redaction
        around = {scope for place in heard for scope in Place.parse(place).scopes}
        scopes = sorted(around | {row.scope for row in rows})
        self._changes = [change for scope in scopes for change in self._of(scope, presets)]

    def withhold(self) -> None:
        """Of what is being answered under such a persona nothing is kept."""
        for scope in {change.scope for change in self._changes}:
            below = replies.c.place_id.startswith(f"{scope}/", autoescape=True)
            withhold(self._connection, ANSWER, or_(replies.c.place_id == scope, below))

    def forget(self, names: Collection[str], now: datetime) -> None:
        """Take the words out of personas, the audit list, prompts and answers."""
        for change in self._changes:
            self._rewrite(change)
            self._clean_answers(change, Redaction(change.taken, names))
        nobody = {"author_id": "", "author_name": "", "what": PERSONA, "before": GONE, "at": now}
        for scope in in_force(self._connection, self._rows):
            self._connection.execute(insert(audit).values(scope=scope, **nobody))

    def _of(self, scope: str, presets: Collection[str]) -> Iterator[Change]:
        this = select(personas).where(personas.c.scope == scope, personas.c.text != "")
        texts: dict[str, list[Row[Any]]] = {}
        for row in self._connection.execute(this.order_by(personas.c.version)):
            texts.setdefault(row.text, []).append(row)
        own: list[str] = []
        for text, rows in texts.items():
            if text in presets:
                continue
            versions = tuple(row.version for row in rows)
            if (scope, text) in self._own:
                own.append(text)
                yield Change(scope, versions, text, "", (text,))
                continue
            redaction = self._redaction(scope, rows[0].set_at, own)
            becomes = redaction.clean(text)
            if becomes != text:
                yield Change(scope, versions, text, becomes, redaction.taken(text))

    def _rewrite(self, change: Change) -> None:
        version = and_(
            personas.c.scope == change.scope, personas.c.version.in_(list(change.versions))
        )
        self._connection.execute(update(personas).where(version).values(text=change.becomes))
        for column in (audit.c.before, audit.c.after):
            this = and_(audit.c.what == PERSONA, audit.c.scope == change.scope)
            values = {column: change.becomes or None}
            where = and_(this, column == change.text)
            self._connection.execute(update(audit).where(where).values(values))

    def _clean_answers(self, change: Change, redaction: Redaction) -> None:
        """What was made with this text may repeat it; prompts that came later there do, too."""
        connection = self._connection
        made = and_(
            answers.c.persona_scope == change.scope,
            answers.c.persona_version.in_(list(change.versions)),
        )
        of = select(answers.c.reply_id).where(made)
        places = select(replies.c.place_id).where(replies.c.id.in_(of))
        there = select(replies.c.id).where(replies.c.place_id.in_(places))
        connection.execute(delete(prompts).where(prompts.c.reply_id.in_(there)))
        clean(connection, answers.c.text, made, redaction)
        clean(connection, replies.c.text, replies.c.id.in_(of), redaction)
        clean(connection, reply_parts.c.text, reply_parts.c.reply_id.in_(of), redaction)
        given = and_(turns.c.reply_id.in_(of), turns.c.role == Role.ASSISTANT)
        clean(connection, turns.c.text, given, redaction)
