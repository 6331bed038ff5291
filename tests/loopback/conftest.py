"""Connects a plain discord.py client to the server of the test."""

from __future__ import annotations

import pytest

from tests.loopback.client import Connect, connector
from tests.loopback.discord import DiscordServer


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch, discord_server: DiscordServer) -> Connect:
    return connector(monkeypatch, discord_server)
