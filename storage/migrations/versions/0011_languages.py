"""In which language somebody uses their platform, as it told with their last command."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of nobody it is known so far."""
    op.add_column("people", sa.Column("locale", sa.String(255)))
