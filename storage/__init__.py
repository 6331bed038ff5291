"""What outlives the process: the Store port on SQLite or PostgreSQL, and its migrations."""

from storage.schema import current_revision, head_revision, upgrade
from storage.store import SqlStore, open_store

__all__ = ["SqlStore", "current_revision", "head_revision", "open_store", "upgrade"]
