"""Whose use an answer is that somebody else wanted than who asked."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What is unfinished now counts for who asked."""
    op.add_column("replies", sa.Column("charged_id", sa.String(255)))
