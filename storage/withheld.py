"""What is not kept of an answer that is being written while words of its prompt go.

Its prompt was made before, and the model may repeat what stands there.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import select, update
from sqlalchemy.engine import Connection

from storage.redaction import GONE
from storage.tables import replies

PROMPT = "prompt"
"""The prompt alone: somebody edited or deleted a message, or a channel was wiped."""
ANSWER = "answer"
"""The answer, too: somebody wants to be forgotten."""


def withhold(connection: Connection, what: str, which: Any) -> None:
    """Of the unfinished ones among these replies."""
    running = (replies.c.ended_at.is_(None), which)
    weaker = () if what == ANSWER else (replies.c.withheld.is_(None),)
    connection.execute(update(replies).where(*running, *weaker).values(withheld=what))


def withheld(connection: Connection, reply_id: int) -> str | None:
    """What of a reply is; nobody changes that until this transaction ends."""
    this = select(replies.c.withheld).where(replies.c.id == reply_id).with_for_update()
    found: str | None = connection.execute(this).scalar()
    return found


def kept(connection: Connection, reply_id: int, text: str) -> str:
    """A text of a reply's answer as it may be kept."""
    return GONE if text and withheld(connection, reply_id) == ANSWER else text
