"""What the program's database says at the end, read without the program."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from storage.answers import unpacked

PLATFORMS = 2
ANSWERED_BY = "answered by reply "


@dataclass
class Row:
    """A reply with everything that belongs to it."""

    id: int
    place: str
    message_id: str
    state: str
    text: str
    reason: str
    ended: bool
    turn: str | None = None
    parts: list[str] = field(default_factory=list)
    """The ids of its messages, in their order."""

    @property
    def merged_into(self) -> int | None:
        if self.state != "merged":
            return None
        return int(self.reason.removeprefix(ANSWERED_BY))


class Journal:
    """Replies by the message that they answer, and by their number."""

    def __init__(self, file: Path) -> None:
        with closing(sqlite3.connect(file)) as database:
            self.integrity = [str(line) for (line,) in database.execute("PRAGMA integrity_check")]
            self.dangling = database.execute("PRAGMA foreign_key_check").fetchall()
            self.replies = _replies(database)
            self.turns = [text for (text,) in database.execute("SELECT text FROM turns")]
            prompts = database.execute("SELECT content FROM prompts")
            self.prompts = [_words(unpacked(content)) for (content,) in prompts]
        self.by_message: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for row in self.replies.values():
            self.by_message[_key(row.place, row.message_id)].append(row)

    def answering(self, row: Row) -> Row:
        """The reply that answers in the end, where several were answered together."""
        while (into := row.merged_into) is not None:
            row = self.replies[into]
        return row


def unended(file: Path) -> set[tuple[str, str]] | None:
    """The messages whose replies have no ending yet; None before there is a journal."""
    if not file.exists():
        return None
    query = "SELECT place_id, message_id FROM replies WHERE ended_at IS NULL"
    with closing(sqlite3.connect(file)) as database:
        try:
            rows = database.execute(query).fetchall()
        except sqlite3.OperationalError:
            return None
    return {_key(place, message_id) for place, message_id in rows}


def heard(file: Path) -> int:
    """How many messages were claimed, once the program knows since when it listens."""
    if not file.exists():
        return 0
    with closing(sqlite3.connect(file)) as database:
        try:
            [[platforms]] = database.execute(
                "SELECT count(*) FROM heard WHERE platform NOT LIKE '%:%'"
            ).fetchall()
            [[claims]] = database.execute("SELECT count(*) FROM claims").fetchall()
        except sqlite3.OperationalError:
            return 0
    return int(claims) if platforms == PLATFORMS else 0


def _replies(database: sqlite3.Connection) -> dict[int, Row]:
    query = (
        "SELECT id, place_id, message_id, state, text, reason, ended_at IS NOT NULL FROM replies"
    )
    found = {row[0]: Row(*row) for row in database.execute(query)}
    shown = "SELECT reply_id, message_id FROM reply_parts ORDER BY reply_id, idx"
    for reply_id, message_id in database.execute(shown):
        if reply_id in found:  # else it is found dangling
            found[reply_id].parts.append(message_id)
    said = "SELECT reply_id, text FROM turns WHERE role = 'assistant'"
    for reply_id, text in database.execute(said):
        found[reply_id].turn = text
    return found


def _key(place: str, message_id: str) -> tuple[str, str]:
    """A message's platform and id, without the thread that Slack's direct messages add to it."""
    platform = place.partition(":")[0]
    return platform, ":".join(message_id.split(":")[:2]) if platform == "slack" else message_id


def _words(prompt: dict[str, Any]) -> str:
    return str(prompt["text"])
