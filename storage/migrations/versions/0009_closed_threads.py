"""Which threads are closed to others in their channel."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Closed can only be what is a thread of Discord's, and hangs on no message.

    Of the others it is not known until somebody writes there.
    """
    op.add_column("places", sa.Column("closed", sa.Boolean()))
    places = sa.table(
        "places", *map(sa.column, ("id", "platform", "thread")), sa.column("closed", sa.Boolean())
    )
    replies = sa.table("replies", sa.column("place_id"), sa.column("message_id"))
    hangs = sa.exists().where(
        replies.c.place_id == places.c.id, replies.c.message_id == places.c.thread
    )
    known = sa.or_(places.c.platform != "discord", places.c.thread == "", hangs)
    op.execute(sa.update(places).where(known).values(closed=False))
