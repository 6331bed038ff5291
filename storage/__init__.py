"""What outlives the process: the Store port on SQLite or PostgreSQL, and its migrations."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.hold import hold, is_held
from storage.schema import current_revision, head_revision, refuse_unknown, upgrade
from storage.store import SqlStore, open_store

if TYPE_CHECKING:
    from pathlib import Path

    from storage.installations import SlackInstallations

__all__ = [
    "SqlStore",
    "current_revision",
    "head_revision",
    "hold",
    "is_held",
    "open_store",
    "refuse_unknown",
    "slack_installations",
    "upgrade",
]


def slack_installations(
    store: SqlStore, client_id: str, *, folder: Path, keys: str | None = None
) -> SlackInstallations:
    """Which workspaces installed the Slack app of this client id; needs the Slack SDK.

    Their tokens are sealed with the `keys`, else with one that lies in the folder.
    """
    from storage.installations import SlackInstallations
    from storage.seals import seals

    return SlackInstallations(store.database, client_id, seals(keys, folder))
