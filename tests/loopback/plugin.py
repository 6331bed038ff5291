"""The fixtures that lend a loopback platform to a test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.loopback.discord import DiscordServer
from tests.loopback.discord.openapi import OpenApi, at_hand
from tests.loopback.slack import SlackServer
from tests.loopback.slack.judge import EventJudge, MethodJudge, events_at_hand, methods_at_hand


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


@pytest.fixture(scope="session")
def slack_methods() -> MethodJudge | None:
    """Slack's description of its methods, read once; None where it is not at hand."""
    return methods_at_hand()


@pytest.fixture(scope="session")
def slack_events() -> EventJudge | None:
    """Samples of Slack's events, read once; None where they are not at hand."""
    return events_at_hand()


@pytest.fixture
async def slack_server(
    slack_methods: MethodJudge | None, slack_events: EventJudge | None
) -> AsyncIterator[SlackServer]:
    """A fresh Slack. The test fails if the bot made calls that Slack does not describe."""
    async with SlackServer(judge=slack_methods, event_judge=slack_events) as server:
        yield server
    _assert_well_spoken(server)


def _assert_well_spoken(server: DiscordServer | SlackServer) -> None:
    assert not server.violations, "the bot sent requests that the platform does not describe"
    assert not server.misstatements, "the loopback server gave answers unlike the platform's"
