"""Alternative answers with their prompts, votes and preferences, and what persons decided."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.String(255)
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make the tables, and bring what earlier versions kept into them."""
    op.add_column("replies", sa.Column("shown", sa.Integer()))
    op.create_index("ix_replies_author_id", "replies", ["author_id"])
    op.create_index("ix_turns_author_id", "turns", ["author_id"])
    op.create_index("ix_reply_parts_message_id", "reply_parts", ["message_id"])
    op.create_index("ix_usage_author_id_day", "usage", ["author_id", "day"])
    _answers()
    _prompts()
    _votes()
    _preferences()
    _people()
    _bring_answers()
    _bring_votes()
    op.drop_table("feedback")


def _answers() -> None:
    op.create_table(
        "answers",
        sa.Column("reply_id", ROW_ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("made_at", TIME, nullable=False),
        sa.Column("model", KEY, nullable=False),
        sa.Column("precision", KEY, nullable=False),
        sa.Column("adapter", KEY, nullable=False),
        sa.Column("sampling", sa.JSON(), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("seed", sa.BigInteger()),
        sa.Column("finish_reason", KEY, nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("prompt_tokens", sa.Integer(), nullable=False),
        sa.Column("reused_tokens", sa.Integer(), nullable=False),
        sa.Column("persona_scope", KEY),
        sa.Column("persona_version", sa.Integer()),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("dropped", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("reply_id", "number", name="pk_answers"),
        sa.ForeignKeyConstraint(
            ["reply_id"], ["replies.id"], name="fk_answers_reply_id_replies", ondelete="CASCADE"
        ),
    )


def _prompts() -> None:
    op.create_table(
        "prompts",
        sa.Column("reply_id", ROW_ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("reply_id", "number", name="pk_prompts"),
        _of_an_answer("prompts"),
    )


def _votes() -> None:
    op.create_table(
        "votes",
        sa.Column("reply_id", ROW_ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("author_name", sa.Text(), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("given_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("reply_id", "number", "author_id", name="pk_votes"),
        _of_an_answer("votes"),
    )
    op.create_index("ix_votes_author_id", "votes", ["author_id"])


def _preferences() -> None:
    op.create_table(
        "preferences",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("reply_id", ROW_ID, nullable=False),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("author_name", sa.Text(), nullable=False),
        sa.Column("better", sa.Integer(), nullable=False),
        sa.Column("worse", sa.Integer(), nullable=False),
        sa.Column("given_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_preferences"),
        sa.ForeignKeyConstraint(
            ["reply_id"], ["replies.id"], name="fk_preferences_reply_id_replies", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_preferences_reply_id", "preferences", ["reply_id"])
    op.create_index("ix_preferences_author_id", "preferences", ["author_id"])


def _people() -> None:
    op.create_table(
        "people",
        sa.Column("platform", KEY, nullable=False),
        sa.Column("person", KEY, nullable=False),
        sa.Column("feedback_use", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("platform", "person", name="pk_people"),
    )


def _of_an_answer(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["reply_id", "number"],
        ["answers.reply_id", "answers.number"],
        name=f"fk_{table}_reply_id_number_answers",
        ondelete="CASCADE",
    )


def _bring_answers() -> None:
    op.execute(
        "INSERT INTO answers (reply_id, number, text, made_at, model, precision, adapter, sampling,"
        " seconds, seed, finish_reason, tokens, prompt_tokens, reused_tokens, persona_scope,"
        " persona_version, kept, dropped)"
        " SELECT id, 1, text, updated_at, '', '', '', '{}', 0, seed, finish_reason,"
        " coalesce(tokens, 0), coalesce(prompt_tokens, 0), coalesce(reused_tokens, 0),"
        " persona_scope, persona_version, coalesce(kept, 0), coalesce(dropped, 0)"
        " FROM replies WHERE finish_reason IS NOT NULL"
    )
    op.execute("UPDATE replies SET shown = 1 WHERE finish_reason IS NOT NULL")


def _bring_votes() -> None:
    op.execute(
        "INSERT INTO votes (reply_id, number, author_id, author_name, score, reason, given_at)"
        " SELECT f.reply_id, 1, f.author_id, f.author_name, f.score, f.comment, f.given_at"
        " FROM feedback f JOIN answers a ON a.reply_id = f.reply_id"
    )
