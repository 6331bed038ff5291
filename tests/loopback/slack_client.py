"""A plain Bolt app for the tests of the loopback Slack."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp, AsyncBoltRequest
from slack_sdk.web.async_client import AsyncWebClient

from tests.loopback.slack import SlackServer, Workspace

PATIENCE = 30
PING = 1.0
"""Seconds; a line is left for another one after four without a pong."""


def web_client(server: SlackServer, workspace: Workspace) -> AsyncWebClient:
    return AsyncWebClient(workspace.bot_token, base_url=server.api_url, retry_handlers=[])


class Listener:
    """A Bolt app that keeps what it is told."""

    def __init__(self, server: SlackServer, workspace: Workspace) -> None:
        self.server = server
        self.client = web_client(server, workspace)
        self.heard: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.requests: asyncio.Queue[AsyncBoltRequest] = asyncio.Queue()
        logger = logging.getLogger("tests.slack")
        self.app = AsyncApp(
            client=self.client, signing_secret=server.app.signing_secret, logger=logger
        )
        for name in ("message", "app_mention", "app_home_opened", "agent_session_stopped"):
            self.app.event(name)(self._hear)
        for name in ("app_uninstalled", "tokens_revoked"):
            self.app.event(name)(self._hear)

    async def _hear(self, event: dict[str, Any], req: AsyncBoltRequest) -> None:
        self.requests.put_nowait(req)
        self.heard.put_nowait(event)

    async def hears(self) -> dict[str, Any]:
        return await asyncio.wait_for(self.heard.get(), PATIENCE)

    async def hears_all(self, count: int) -> list[dict[str, Any]]:
        return [await self.hears() for _ in range(count)]

    async def request(self) -> AsyncBoltRequest:
        return await asyncio.wait_for(self.requests.get(), PATIENCE)

    @asynccontextmanager
    async def connected(self, connections: int = 1) -> AsyncIterator[None]:
        """Listening over Socket Mode."""
        token = self.server.app.app_token
        # Bolt leaves these methods without annotations.
        handlers: list[Any] = [
            AsyncSocketModeHandler(self.app, token, ping_interval=PING) for _ in range(connections)
        ]
        try:
            for handler in handlers:
                await handler.connect_async()
            await self.server.socket_mode.wait_connected(connections)
            yield
        finally:
            for handler in handlers:
                await handler.close_async()
