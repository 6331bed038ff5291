"""What a platform wants within seconds, and a busy machine may not keep."""

from __future__ import annotations

import pytest

from adapters.discord import exchange
from adapters.slack import channels, commands, files, groups, people, threads
from tests.loopback.changes import PATIENCE


def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the bot keep to no limit of its own; tests about one set it themselves."""
    for module in (exchange, channels, commands, files, groups, people, threads):
        monkeypatch.setattr(module, "PATIENCE", PATIENCE)
