"""What people said and took back, as fingerprints: enough to find it where it was repeated.

An answer may repeat what its author edits, deletes or undoes later. Nobody keeps the words, but
who wants to be forgotten wants to be forgotten there, too.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection

from bot.values import Role
from storage.redaction import Run, runs
from storage.tables import fingerprints, places, turns

SIZE = 5
"""Bytes of each: many runs share one, and yet no text has another's by chance."""


def remember(connection: Connection, which: Any, becomes: str = "") -> None:
    """Note the fingerprints of what people said in these turns, which are about to go.

    Not of what they still say in what the turns become, and none twice: some edit a message for
    every word that they add to it.
    """
    columns = (turns.c.reply_id, turns.c.author_id, turns.c.text, places.c.platform)
    said = select(*columns).join(places).where(which, turns.c.role == Role.USER)
    still = runs(becomes)
    for row in connection.execute(said).all():
        whose = _whose(row.platform, row.author_id)
        of = {"reply_id": row.reply_id, "author_id": row.author_id}
        found = {_fingerprint(whose, run) for run in runs(row.text) - still}
        new = found - _known(connection, *(fingerprints.c[name] == of[name] for name in of))
        if new:
            values = {**of, "runs": " ".join(sorted(new))}
            connection.execute(insert(fingerprints).values(values))


def said_once(
    connection: Connection, platform: str, person: str, mine: Any
) -> Callable[[Run], bool]:
    """Tells of a run whether the person said it and took it back."""
    known = _known(connection, mine)
    whose = _whose(platform, person)
    return lambda run: bool(known) and _fingerprint(whose, run) in known


def _known(connection: Connection, *which: Any) -> set[str]:
    kept = connection.execute(select(fingerprints.c.runs).where(*which)).scalars()
    return {each for row in kept for each in row.split()}


def _whose(platform: str, person: str) -> str:
    """The same words of two people are not to be told for the same."""
    return f"{platform}:{person}"


def _fingerprint(whose: str, run: Run) -> str:
    return blake2b(f"{whose}\n{' '.join(run)}".encode(), digest_size=SIZE).hexdigest()
