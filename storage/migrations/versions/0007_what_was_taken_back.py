"""Fingerprints of what people took back, and what is not kept of an answer being written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

KEY = sa.String(255)
ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Of what was taken back before, nothing is known."""
    op.add_column("replies", sa.Column("withheld", KEY))
    op.create_table(
        "fingerprints",
        sa.Column("id", ROW_ID, nullable=False),
        sa.Column("reply_id", ROW_ID, nullable=False),
        sa.Column("author_id", KEY, nullable=False),
        sa.Column("runs", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_fingerprints"),
        sa.ForeignKeyConstraint(
            ["reply_id"],
            ["replies.id"],
            name="fk_fingerprints_reply_id_replies",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_fingerprints_reply_id", "fingerprints", ["reply_id"])
    op.create_index("ix_fingerprints_author_id", "fingerprints", ["author_id"])
