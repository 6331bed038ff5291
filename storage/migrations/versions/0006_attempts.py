"""How many starts of the program have begun a reply."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Those that are unfinished now have all their attempts before them."""
    op.add_column(
        "replies",
        sa.Column("attempts", sa.Integer(), nullable=False, server_default=sa.text("0")),
    )
