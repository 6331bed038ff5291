"""Whose words a message quotes at its head."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of what was said before, only the name in the quotation is known."""
    op.add_column("turns", sa.Column("quoted_id", sa.String(255)))
    where = sa.text("quoted_id IS NOT NULL")
    op.create_index(
        "ix_turns_quoted_id", "turns", ["quoted_id"], sqlite_where=where, postgresql_where=where
    )
