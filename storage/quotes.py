"""Quotations that an adapter puts at the head of a message: whose words they are, and where."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import and_, select, update
from sqlalchemy.engine import Connection

from bot import plain
from storage.redaction import GONE
from storage.tables import places, turns

START = "> "
_QUOTE = re.compile(r"> [^\n]*(?:\n> [^\n]*)*")


def of_person(platform: str, person: str) -> Any:
    """The condition of the turns that are known to quote somebody."""
    here = select(places.c.id).where(places.c.platform == platform)
    return and_(turns.c.quoted_id == person, turns.c.place_id.in_(here))


def where_quoted(connection: Connection, which: Any) -> set[str]:
    """The places of these turns."""
    return set(connection.execute(select(turns.c.place_id).where(which).distinct()).scalars())


def unquote(connection: Connection, which: Any) -> None:
    """Take the quotations out of these turns, and whom they quoted."""
    for row in connection.execute(select(turns.c.id, turns.c.text).where(which)).all():
        text = _QUOTE.sub(f"{START}{GONE}", row.text, 1) if row.text.startswith(START) else row.text
        this = update(turns).where(turns.c.id == row.id)
        connection.execute(this.values(text=text, quoted_id=None))


def names(text: str) -> Iterator[str]:
    """Whom a text may quote at its head, as `likeness` has it: a name may hold a colon itself."""
    line, _, _ = text.removeprefix(START).partition("\n")
    for found in re.finditer(": ", line):
        yield likeness(line[: found.start()])


def likeness(name: str) -> str:
    """A name as it is compared."""
    return plain.name(name).casefold()
