"""Personas that a person wrote, and what others wrote about them there: both go with the person."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
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

    In another scope the same words are not the person's, and presets are the operator's.
    """
    theirs = personas.alias()
    by = select(theirs.c.id).where(
        theirs.c.author_id == person,
        theirs.c.scope.startswith(f"{platform}:", autoescape=True),
        theirs.c.scope == personas.c.scope,
        theirs.c.text == personas.c.text,
    )
    rows = connection.execute(select(personas).where(by.exists()).order_by(personas.c.id)).all()
    return [row for row in rows if row.text and row.text not in presets]


def in_force(connection: Connection, rows: Sequence[Row[Any]]) -> list[str]:
    """The scopes in which one of these versions is the newest."""
    newest = set(
        connection.execute(select(func.max(personas.c.id)).group_by(personas.c.scope)).scalars()
    )
    return [row.scope for row in rows if row.id in newest]


class Wrote:
    """What is to be cleaned of a person's personas and their name in those of others.

    `redaction` makes one of all that they said, with the texts of these personas among it.
    """

    def __init__(
        self,
        connection: Connection,
        rows: Sequence[Row[Any]],
        redaction: Callable[[Collection[str]], Redaction],
        heard: Collection[str],
    ) -> None:
        self._connection = connection
        self._rows = rows
        around = {scope for place in heard for scope in Place.parse(place).scopes}
        known = set(connection.execute(select(personas.c.scope).distinct()).scalars())
        without, own = redaction([]), {row.scope for row in rows}
        self._redactions = dict.fromkeys(sorted(around & known - own), without) | {
            scope: redaction([row.text for row in rows if row.scope == scope])
            for scope in sorted(own)
        }
        self._scopes = [scope for scope in self._redactions if self._speaks_of_them(scope)]

    def withhold(self) -> None:
        """Of what is being answered under such a persona nothing is kept."""
        for scope in self._scopes:
            below = replies.c.place_id.startswith(f"{scope}/", autoescape=True)
            withhold(self._connection, ANSWER, or_(replies.c.place_id == scope, below))

    def forget(self, now: datetime) -> None:
        """Take the words out of personas, the audit list, prompts and answers."""
        for scope in self._scopes:
            self._forget(scope, self._redactions[scope])
        nobody = {"author_id": "", "author_name": "", "what": PERSONA, "before": GONE, "at": now}
        for scope in in_force(self._connection, self._rows):
            self._connection.execute(insert(audit).values(scope=scope, **nobody))
        ids = [row.id for row in self._rows]
        self._connection.execute(update(personas).where(personas.c.id.in_(ids)).values(text=""))

    def _speaks_of_them(self, scope: str) -> bool:
        redaction = self._redactions[scope]
        this = and_(personas.c.scope == scope, personas.c.text.is_not(None))
        said = self._connection.execute(select(personas.c.text).where(this)).scalars()
        return any(redaction.clean(text) != text for text in said)

    def _forget(self, scope: str, redaction: Redaction) -> None:
        connection = self._connection
        texts = [row.text for row in self._rows if row.scope == scope]
        changes = and_(audit.c.what == PERSONA, audit.c.scope == scope)
        for column in (audit.c.before, audit.c.after):
            whole = and_(changes, column.in_(texts))
            connection.execute(update(audit).where(whole).values({column: None}))
            clean(connection, column, changes, redaction)
        clean(connection, personas.c.text, personas.c.scope == scope, redaction)
        made = answers.c.persona_scope == scope
        of = select(answers.c.reply_id).where(made)
        connection.execute(delete(prompts).where(prompts.c.reply_id.in_(of)))
        clean(connection, answers.c.text, made, redaction)
        clean(connection, replies.c.text, replies.c.id.in_(of), redaction)
        clean(connection, reply_parts.c.text, reply_parts.c.reply_id.in_(of), redaction)
        given = and_(turns.c.reply_id.in_(of), turns.c.role == Role.ASSISTANT)
        clean(connection, turns.c.text, given, redaction)
