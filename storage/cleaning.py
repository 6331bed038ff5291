"""Takes a person's words out of columns of text, wherever they stand in them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, literal, select, update
from sqlalchemy.engine import Connection

from bot.values import Role
from storage.redaction import Redaction
from storage.tables import replies, turns

AT_ONCE = 100
"""Texts that are cleaned before others of the program have their turn: that takes its thread."""


def clean(
    connection: Connection,
    words: Any,
    where: Any,
    redaction: Redaction,
    theirs: frozenset[int] = frozenset(),
) -> None:
    """Clean this column of these rows; `theirs` are the replies that answer the person."""
    table = words.table
    keys = list(table.primary_key.columns)
    reply = table.c.id if table is replies else table.c.get("reply_id", literal(0))
    role = [table.c.role] if table is turns else []
    columns = (*keys, reply.label("of"), words.label("text"), *role)
    found = list(connection.execute(select(keys[0]).where(where).distinct()).scalars())
    for first in range(0, len(found), AT_ONCE):
        these = keys[0].in_(found[first : first + AT_ONCE])
        for row in connection.execute(select(*columns).where(these, where, words.is_not(None))):
            answer = row.of in theirs and (table is not turns or row.role == Role.ASSISTANT)
            cleaned = redaction.clean(row.text, answer=answer)
            if cleaned != row.text:
                this = and_(*(key == value for key, value in zip(keys, row, strict=False)))
                connection.execute(update(table).where(this).values({words: cleaned}))
