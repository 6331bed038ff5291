"""Socket Mode: several connections, so that Slack may end one without leaving a gap."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from slack_sdk.socket_mode.aiohttp import SocketModeClient

log = structlog.get_logger(__name__)

PING_EVERY = 5.0
CONNECT_WITHIN = 30.0
LOOK_EVERY = 5.0
LOST_AFTER = 30.0
"""Seconds that the SDK may take to connect again before we begin anew in its stead."""
AGAIN_AFTER = (1.0, 2.0, 5.0, 10.0, 30.0)


class Sockets:
    """Keeps `count` connections. `run` listens until it is cancelled."""

    def __init__(self, app: AsyncApp, app_token: str, count: int) -> None:
        self._app = app
        self._app_token = app_token
        self._count = count

    async def run(self) -> None:
        """Connect, and stay connected."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(self._count):
                tasks.create_task(self._keep(number), name=f"slack socket {number}")

    async def _keep(self, number: int) -> None:
        failures = 0
        while True:
            connected = await self._live(number)
            failures = 0 if connected else failures + 1
            pause = AGAIN_AFTER[min(failures, len(AGAIN_AFTER) - 1)]
            log.warning("slack.socket_lost", number=number, again_in=pause)
            await asyncio.sleep(pause)

    async def _live(self, number: int) -> bool:
        """One client's life; whether it was ever connected."""
        # The SDK tries an address that has failed for ever; a new client asks for a new one.
        handler = AsyncSocketModeHandler(self._app, self._app_token, ping_interval=PING_EVERY)
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                await handler.connect_async()
            log.info("slack.connected", number=number)
            await self._until_lost(handler.client)
        except TimeoutError:
            return False
        else:
            return True
        finally:
            await handler.close_async()

    @staticmethod
    async def _until_lost(client: SocketModeClient) -> None:
        """Return when the client has been without a connection for too long."""
        lost = 0.0
        while lost < LOST_AFTER:
            await asyncio.sleep(LOOK_EVERY)
            lost = 0.0 if await client.is_connected() else lost + LOOK_EVERY
