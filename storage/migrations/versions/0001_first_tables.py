"""The first tables. Types are written out, for this step must stay as it is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

KEY = sa.String(255)
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make all tables."""
    _places()
    _claims()
    _replies()
    _reply_parts()
    _turns()
    _personas()
    _settings()
    _audit()
    _feedback()
    _usage()


def _places() -> None:
    op.create_table(
        "places",
        sa.Column("id", KEY, nullable=False),
        sa.Column("platform", KEY, nullable=False),
        sa.Column("workspace", KEY, nullable=False),
        sa.Column("channel", KEY, nullable=False),
        sa.Column("thread", KEY, nullable=False),
        sa.Column("private", sa.Boolean(), nullable=False),
        sa.Column("first_reply_id", ROW_ID, server_default=sa.text("0"), nullable=False),
        sa.Column("first_turn_id", ROW_ID, server_default=sa.text("0"), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_places"),
    )


def _claims() -> None:
    op.create_table(
        "claims",
        sa.Column("platform", KEY, nullable=False),
        sa.Column("workspace", KEY, nullable=False),
        sa.Column("message_id", KEY, nullable=False),
        sa.Column("claimed_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("platform", "workspace", "message_id", name="pk_claims"),
    )


def _replies() -> None:
    op.create_table(
        "replies",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("place_id", KEY, nullable=False),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("author_name", sa.Text(), nullable=False),
        sa.Column("author_standing", KEY, nullable=False),
        sa.Column("message_id", KEY, nullable=False),
        sa.Column("state", KEY, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("claimed_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.Column("ended_at", TIME),
        sa.Column("persona_scope", KEY),
        sa.Column("persona_version", sa.Integer()),
        sa.Column("kept", sa.Integer()),
        sa.Column("dropped", sa.Integer()),
        sa.Column("prompt_tokens", sa.Integer()),
        sa.Column("reused_tokens", sa.Integer()),
        sa.Column("tokens", sa.Integer()),
        sa.Column("finish_reason", KEY),
        sa.Column("seed", sa.BigInteger()),
        sa.ForeignKeyConstraint(["place_id"], ["places.id"], name="fk_replies_place_id_places"),
        sa.PrimaryKeyConstraint("id", name="pk_replies"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_replies_place_id_id", "replies", ["place_id", "id"])
    op.create_index(
        "ix_replies_unfinished",
        "replies",
        ["id"],
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )


def _reply_parts() -> None:
    op.create_table(
        "reply_parts",
        sa.Column("reply_id", ROW_ID, nullable=False),
        sa.Column("idx", sa.Integer(), nullable=False),
        sa.Column("message_id", KEY, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reply_id"], ["replies.id"], name="fk_reply_parts_reply_id_replies", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("reply_id", "idx", name="pk_reply_parts"),
    )


def _turns() -> None:
    op.create_table(
        "turns",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("place_id", KEY, nullable=False),
        sa.Column("reply_id", ROW_ID, nullable=False),
        sa.Column("role", KEY, nullable=False),
        sa.Column("author_id", KEY),
        sa.Column("author_name", sa.Text()),
        sa.Column("author_standing", KEY),
        sa.Column("message_id", KEY),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("tokens", sa.Integer()),
        sa.Column("said_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(["place_id"], ["places.id"], name="fk_turns_place_id_places"),
        sa.ForeignKeyConstraint(["reply_id"], ["replies.id"], name="fk_turns_reply_id_replies"),
        sa.PrimaryKeyConstraint("id", name="pk_turns"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_turns_reply_id", "turns", ["reply_id"])
    op.create_index("ix_turns_place_id_message_id", "turns", ["place_id", "message_id"])
    op.create_index("ix_turns_place_id_reply_id_id", "turns", ["place_id", "reply_id", "id"])
    op.create_index(
        "uq_turns_answer",
        "turns",
        ["reply_id"],
        unique=True,
        sqlite_where=sa.text("role = 'assistant'"),
        postgresql_where=sa.text("role = 'assistant'"),
    )


def _personas() -> None:
    op.create_table(
        "personas",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("scope", KEY, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text()),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("author_name", sa.Text(), nullable=False),
        sa.Column("set_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_personas"),
        sa.UniqueConstraint("scope", "version", name="uq_personas_scope_version"),
    )


def _settings() -> None:
    op.create_table(
        "settings",
        sa.Column("scope", KEY, nullable=False),
        sa.Column("key", KEY, nullable=False),
        sa.Column("value", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name="pk_settings"),
    )


def _audit() -> None:
    op.create_table(
        "audit",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("author_name", sa.Text(), nullable=False),
        sa.Column("scope", KEY, nullable=False),
        sa.Column("what", KEY, nullable=False),
        sa.Column("before", sa.Text()),
        sa.Column("after", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_scope_id", "audit", ["scope", "id"])


def _feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("reply_id", ROW_ID, nullable=False),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("author_name", sa.Text(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("comment", sa.Text()),
        sa.Column("given_at", TIME, nullable=False),
        sa.ForeignKeyConstraint(
            ["reply_id"], ["replies.id"], name="fk_feedback_reply_id_replies", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
        sa.UniqueConstraint("reply_id", "author_id", name="uq_feedback_reply_id_author_id"),
    )


def _usage() -> None:
    op.create_table(
        "usage",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("place_id", KEY, nullable=False),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("replies", sa.Integer(), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["place_id"], ["places.id"], name="fk_usage_place_id_places"),
        sa.PrimaryKeyConstraint("day", "place_id", "author_id", name="pk_usage"),
    )
