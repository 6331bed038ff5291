"""The fixtures that lend a loopback platform to a test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.loopback.discord import DiscordServer
from tests.loopback.discord.openapi import OpenApi, at_hand


@pytest.fixture(scope="session")
def discord_openapi() -> OpenApi | None:
    """Discord's description of its API, read once; None where it is not at hand."""
    return at_hand()


@pytest.fixture
async def discord_server(discord_openapi: OpenApi | None) -> AsyncIterator[DiscordServer]:
    """A fresh Discord. The test fails if the bot asked for what Discord does not describe."""
    async with DiscordServer(judge=discord_openapi) as server:
        yield server
    _assert_well_spoken(server)


@pytest.fixture
async def reading_discord_server(discord_openapi: OpenApi | None) -> AsyncIterator[DiscordServer]:
    """The same, with the message-content intent switched on in the developer portal."""
    async with DiscordServer(message_content=True, judge=discord_openapi) as server:
        yield server
    _assert_well_spoken(server)


def _assert_well_spoken(server: DiscordServer) -> None:
    assert not server.violations, "the bot sent requests that Discord does not describe"
    assert not server.misstatements, "the loopback server gave answers unlike Discord's"
