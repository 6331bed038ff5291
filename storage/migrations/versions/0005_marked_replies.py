"""Which replies have ended although their messages may still show an unfinished answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of the replies so far it is not known, so that they are left alone."""
    op.add_column(
        "replies", sa.Column("marked", sa.Boolean(), nullable=False, server_default=sa.false())
    )
