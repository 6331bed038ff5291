"""Up to when the bot heard each platform, so that what it missed can be found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table; what was claimed last was heard, too."""
    op.create_table(
        "heard",
        sa.Column("platform", sa.String(255), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("platform", name="pk_heard"),
    )
    op.execute(
        "INSERT INTO heard (platform, until)"
        " SELECT platform, max(claimed_at) FROM claims GROUP BY platform"
    )
