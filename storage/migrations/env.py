"""Alembic runs this file for every command; the connection comes from `storage.schema`."""

from __future__ import annotations

from alembic import context

from storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite can hardly alter a table; batch mode builds a new one and copies the rows.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
