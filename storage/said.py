"""What a person had said in a place by some time: only then others may have it from them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.engine import Connection

from storage.fingerprints import said_once
from storage.redaction import Redaction
from storage.tables import fingerprints, replies, turns


class Said:
    """Of one person, whatever is `mine` in each table."""

    def __init__(
        self,
        connection: Connection,
        platform: str,
        person: str,
        mine: Mapping[Any, Any],
        names: Collection[str],
    ) -> None:
        self._connection = connection
        self._platform = platform
        self._person = person
        self._mine = mine
        self._names = names

    def before(self, place: str, time: datetime, texts: Collection[str]) -> Redaction:
        """A redaction of that, of these texts, and of the person's names."""
        here = select(replies.c.id).where(replies.c.place_id == place, replies.c.claimed_at <= time)
        spoken = select(turns.c.text).where(self._mine[turns], turns.c.reply_id.in_(here))
        taken_back = and_(self._mine[fingerprints], fingerprints.c.reply_id.in_(here))
        once = said_once(self._connection, self._platform, self._person, taken_back)
        messages = self._connection.execute(spoken).scalars()
        return Redaction([*messages, *texts], self._names, once)
