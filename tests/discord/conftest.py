"""The adapter on a stage, signed in or connected."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.discord.stage import Stage, connected, signed_in
from tests.loopback.discord import DiscordServer
from tests.unhurried import unhurried


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    unhurried(monkeypatch)


@pytest.fixture
async def stage(discord_server: DiscordServer) -> AsyncIterator[Stage]:
    async with signed_in(discord_server) as stage:
        yield stage


@pytest.fixture
async def live(discord_server: DiscordServer) -> AsyncIterator[Stage]:
    async with connected(discord_server) as stage:
        yield stage


@pytest.fixture
async def reading(reading_discord_server: DiscordServer) -> AsyncIterator[Stage]:
    async with connected(reading_discord_server, message_content=True) as stage:
        yield stage
