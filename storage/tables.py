"""The tables, as the newest migration leaves them.

A test compares them with what the migrations make, so a change here needs a new migration.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
    false,
    text,
)

from storage import slack_tables  # noqa: F401 - so that the metadata knows them
from storage.columns import Key, RowId, UtcDateTime, Words
from storage.columns import metadata as metadata  # noqa: PLC0414 - given on

# The window's start is a position in the order of turns: (reply, turn). Zero is the beginning.
# Of a thread from before that was noted nobody knows whether it is closed (NULL).
places = Table(
    "places",
    metadata,
    Column("id", Key, primary_key=True),
    Column("platform", Key, nullable=False),
    Column("workspace", Key, nullable=False),
    Column("channel", Key, nullable=False),
    Column("thread", Key, nullable=False),
    Column("private", Boolean, nullable=False),
    Column("closed", Boolean),
    Column("first_reply_id", RowId, nullable=False, server_default=text("0")),
    Column("first_turn_id", RowId, nullable=False, server_default=text("0")),
    Column("created_at", UtcDateTime, nullable=False),
)

claims = Table(
    "claims",
    metadata,
    Column("platform", Key, nullable=False),
    Column("workspace", Key, nullable=False),
    Column("message_id", Key, nullable=False),
    Column("claimed_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("platform", "workspace", "message_id"),
)

replies = Table(
    "replies",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("place_id", ForeignKey("places.id"), nullable=False),
    Column("author_id", Key, nullable=False),
    Column("author_name", Words, nullable=False),
    Column("author_standing", Key, nullable=False),
    Column("message_id", Key, nullable=False),
    Column("state", Key, nullable=False),
    Column("text", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("claimed_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Column("ended_at", UtcDateTime),
    Column("persona_scope", Key),
    Column("persona_version", Integer),
    Column("kept", Integer),
    Column("dropped", Integer),
    Column("prompt_tokens", Integer),
    Column("reused_tokens", Integer),
    Column("tokens", Integer),
    Column("finish_reason", Key),
    Column("seed", BigInteger),
    Column("shown", Integer),
    Column("marked", Boolean, nullable=False, server_default=false()),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("withheld", Key),
    # Who wanted the answer that is being given, where that is not (again) its author.
    Column("charged_id", Key),
    Index(None, "place_id", "id"),
    Index(None, "author_id"),
    # Found at every start among millions that ended; holds only the few that did not.
    Index(
        "ix_replies_unfinished",
        "id",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    sqlite_autoincrement=True,
)

reply_parts = Table(
    "reply_parts",
    metadata,
    Column("reply_id", ForeignKey("replies.id", ondelete="CASCADE"), nullable=False),
    Column("idx", Integer, nullable=False),
    Column("message_id", Key, nullable=False),
    Column("text", Words, nullable=False),
    PrimaryKeyConstraint("reply_id", "idx"),
    Index(None, "message_id"),
)

# Every answer that was given to a message; `replies.shown` is the number of the one in use.
answers = Table(
    "answers",
    metadata,
    Column("reply_id", ForeignKey("replies.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("text", Words, nullable=False),
    Column("made_at", UtcDateTime, nullable=False),
    Column("model", Key, nullable=False),
    Column("precision", Key, nullable=False),
    Column("adapter", Key, nullable=False),
    Column("sampling", JSON, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("seed", BigInteger),
    Column("finish_reason", Key, nullable=False),
    Column("tokens", Integer, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("reused_tokens", Integer, nullable=False),
    Column("persona_scope", Key),
    Column("persona_version", Integer),
    Column("kept", Integer, nullable=False),
    Column("dropped", Integer, nullable=False),
    PrimaryKeyConstraint("reply_id", "number"),
    Index(None, "persona_scope", "persona_version"),
)

# The exact prompt of an answer, compressed. It holds people's words: it goes when one of them
# edits, deletes or is forgotten, while the answer may stay.
prompts = Table(
    "prompts",
    metadata,
    Column("reply_id", RowId, nullable=False),
    Column("number", Integer, nullable=False),
    Column("content", LargeBinary, nullable=False),
    PrimaryKeyConstraint("reply_id", "number"),
    ForeignKeyConstraint(
        ["reply_id", "number"], ["answers.reply_id", "answers.number"], ondelete="CASCADE"
    ),
)

# Ids are never used twice: a window may start at a turn that was withdrawn.
turns = Table(
    "turns",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("place_id", ForeignKey("places.id"), nullable=False),
    Column("reply_id", ForeignKey("replies.id"), nullable=False, index=True),
    Column("role", Key, nullable=False),
    Column("author_id", Key),
    Column("author_name", Words),
    Column("author_standing", Key),
    Column("message_id", Key),
    Column("text", Words, nullable=False),
    Column("tokens", Integer),
    Column("said_at", UtcDateTime, nullable=False),
    Column("quoted_id", Key),
    Index(None, "place_id", "reply_id", "id"),
    Index(None, "place_id", "message_id"),
    Index(None, "author_id"),
    Index(
        "ix_turns_quoted_id",
        "quoted_id",
        sqlite_where=text("quoted_id IS NOT NULL"),
        postgresql_where=text("quoted_id IS NOT NULL"),
    ),
    Index(
        "uq_turns_answer",
        "reply_id",
        unique=True,
        sqlite_where=text("role = 'assistant'"),
        postgresql_where=text("role = 'assistant'"),
    ),
    sqlite_autoincrement=True,
)

# What people said and then edited, deleted or undid, as fingerprints of its runs of words.
fingerprints = Table(
    "fingerprints",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("reply_id", ForeignKey("replies.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("author_id", Key, nullable=False, index=True),
    Column("runs", Words, nullable=False),
)

personas = Table(
    "personas",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("scope", Key, nullable=False),
    Column("version", Integer, nullable=False),
    Column("text", Words),
    Column("author_id", Key, nullable=False),
    Column("author_name", Words, nullable=False),
    Column("set_at", UtcDateTime, nullable=False),
    UniqueConstraint("scope", "version"),
)

settings = Table(
    "settings",
    metadata,
    Column("scope", Key, nullable=False),
    Column("key", Key, nullable=False),
    Column("value", JSON, nullable=False),
    PrimaryKeyConstraint("scope", "key"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
    Column("author_id", Key, nullable=False),
    Column("author_name", Words, nullable=False),
    Column("scope", Key, nullable=False),
    Column("what", Key, nullable=False),
    Column("before", Words),
    Column("after", Words),
    Index(None, "scope", "id"),
)

votes = Table(
    "votes",
    metadata,
    Column("reply_id", RowId, nullable=False),
    Column("number", Integer, nullable=False),
    Column("author_id", Key, nullable=False),
    Column("author_name", Words, nullable=False),
    Column("score", Integer, nullable=False),
    Column("reason", Words),
    Column("given_at", UtcDateTime, nullable=False),
    PrimaryKeyConstraint("reply_id", "number", "author_id"),
    ForeignKeyConstraint(
        ["reply_id", "number"], ["answers.reply_id", "answers.number"], ondelete="CASCADE"
    ),
    Index(None, "author_id"),
)

preferences = Table(
    "preferences",
    metadata,
    Column("id", RowId, primary_key=True),
    Column("reply_id", ForeignKey("replies.id", ondelete="CASCADE"), nullable=False),
    Column("author_id", Key, nullable=False),
    Column("author_name", Words, nullable=False),
    Column("better", Integer, nullable=False),
    Column("worse", Integer, nullable=False),
    Column("given_at", UtcDateTime, nullable=False),
    Index(None, "reply_id"),
    Index(None, "author_id"),
)

# What persons have decided for themselves, wherever on their platform they are, and in which
# language they use it, where the platform does not tell that with every message.
people = Table(
    "people",
    metadata,
    Column("platform", Key, nullable=False),
    Column("person", Key, nullable=False),
    Column("feedback_use", Boolean, nullable=False),
    Column("locale", Key),
    PrimaryKeyConstraint("platform", "person"),
)

# The newest message that was heard on each platform; what came later, the bot has missed. While
# that is looked for, also the places (by their ids) where nothing from before that time is missing.
heard = Table(
    "heard",
    metadata,
    Column("platform", Key, primary_key=True),
    Column("until", UtcDateTime, nullable=False),
)

usage = Table(
    "usage",
    metadata,
    Column("day", Date, nullable=False),
    Column("place_id", ForeignKey("places.id"), nullable=False),
    Column("author_id", Key, nullable=False),
    Column("replies", Integer, nullable=False),
    Column("prompt_tokens", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    PrimaryKeyConstraint("day", "place_id", "author_id"),
    Index(None, "author_id", "day"),
)
