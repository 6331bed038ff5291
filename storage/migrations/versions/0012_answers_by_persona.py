"""Which answers a persona gave, found without reading all of them."""

from __future__ import annotations

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Needed when somebody is forgotten who wrote a persona, or was named in one."""
    columns = ["persona_scope", "persona_version"]
    op.create_index("ix_answers_persona_scope_persona_version", "answers", columns)
