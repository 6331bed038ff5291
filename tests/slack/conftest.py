"""The adapter on a stage, signed in or connected."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.loopback.slack import SlackServer
from tests.slack.stage import Stage, connected
from tests.unhurried import unhurried


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    unhurried(monkeypatch)


@pytest.fixture
async def live(slack_server: SlackServer) -> AsyncIterator[Stage]:
    async with connected(slack_server) as stage:
        yield stage


@pytest.fixture
async def plain(slack_server: SlackServer) -> AsyncIterator[Stage]:
    """Without native streams."""
    async with connected(slack_server, native_streams=False) as stage:
        yield stage
