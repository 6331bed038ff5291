"""Socket Mode: several connections, so that Slack may end one without leaving a gap."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog
from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler

from adapters.slack.doctor import BAD_APP_TOKEN, NO_SOCKET_MODE
from adapters.slack.failures import REVOKED, Refusal, translated
from bot.errors import ConfigError, PlatformError

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from slack_sdk.socket_mode.aiohttp import SocketModeClient

log = structlog.get_logger(__name__)

# What the SDK says of a lost connection, every few seconds and with tracebacks, is said here once.
SILENT = logging.getLogger("slack_bolt.quipu.sockets")
SILENT.setLevel(logging.CRITICAL)

PING_EVERY = 5.0
CONNECT_WITHIN = 30.0
LOOK_EVERY = 5.0
LOST_AFTER = 30.0
"""Seconds that the SDK may take to connect again before we begin anew in its stead."""
AGAIN_AFTER = (1.0, 2.0, 5.0, 10.0, 30.0)


Told = Callable[[], None]


class Sockets:
    """Keeps `count` connections. `run` listens until it is cancelled."""

    def __init__(self, app: AsyncApp, app_token: str, count: int) -> None:
        self._app = app
        self._app_token = app_token
        self._count = count
        self._refused = ""
        """Why Slack lets us have no connection, as far as the log has said so."""
        self._open = set[int]()
        self._connected: Told = _nothing
        self._lost: Told = _nothing

    @property
    def connected(self) -> bool:
        """Whether one of them at least is there; Slack sends every event by any one."""
        return bool(self._open)

    async def run(self, *, connected: Told, lost: Told) -> None:
        """Connect, and stay connected. ConfigError once Slack refuses the app-level token.

        `connected` is called when there is a connection where there was none, `lost` when none is
        left.
        """
        self._connected, self._lost = connected, lost
        try:
            async with asyncio.TaskGroup() as tasks:
                for number in range(self._count):
                    tasks.create_task(self._keep(number), name=f"slack socket {number}")
        except ExceptionGroup as errors:  # what ends one of them ends them all
            raise errors.exceptions[0] from None

    async def _keep(self, number: int) -> None:
        failures = 0
        while True:
            connected = await self._live(number)
            failures = 0 if connected else failures + 1
            pause = AGAIN_AFTER[min(failures, len(AGAIN_AFTER) - 1)]
            level = logging.WARNING if failures < 2 else logging.DEBUG  # said once for each loss
            log.log(level, "slack.socket_lost", number=number, again_in=pause)
            await asyncio.sleep(pause)

    async def _live(self, number: int) -> bool:
        """One client's life; whether it was ever connected."""
        # The SDK tries an address that has failed for ever; a new client asks for a new one.
        handler = AsyncSocketModeHandler(
            self._app, self._app_token, logger=SILENT, ping_interval=PING_EVERY
        )
        try:
            async with asyncio.timeout(CONNECT_WITHIN):
                handler.client.wss_uri = await self._address()
                await handler.connect_async()
            log.info("slack.connected", number=number)
            self._refused = ""
            self._note(number, connected=True)
            await self._until_lost(number, handler.client)
        except (TimeoutError, PlatformError) as error:
            log.debug("slack.socket_not_opened", number=number, reason=str(error) or "too slow")
            return False
        else:
            return True
        finally:
            self._note(number, connected=False)
            await handler.close_async()

    async def _address(self) -> str:
        """Where to connect to. The SDK would ask as well, but for ever and with any token."""
        try:
            with translated("apps.connections.open"):
                answer = await self._app.client.apps_connections_open(app_token=self._app_token)
        except Refusal as error:
            if error.code in REVOKED:
                raise ConfigError(f"{error}. {BAD_APP_TOKEN}") from error
            self._alarm(error)
            raise
        return str(answer["url"])

    def _alarm(self, error: Refusal) -> None:
        """Say what is the matter once; it can be mended in Slack without a restart."""
        if self._refused != error.code:
            self._refused = error.code
            log.error("slack.connection_refused", reason=str(error), mend=NO_SOCKET_MODE)

    async def _until_lost(self, number: int, client: SocketModeClient) -> None:
        """Return when the client has been without a connection for too long."""
        lost = 0.0
        while lost < LOST_AFTER:
            await asyncio.sleep(LOOK_EVERY)
            connected = await client.is_connected()
            self._note(number, connected=connected)
            lost = 0.0 if connected else lost + LOOK_EVERY

    def _note(self, number: int, *, connected: bool) -> None:
        before = bool(self._open)
        (self._open.add if connected else self._open.discard)(number)
        if before != bool(self._open):
            (self._connected if connected else self._lost)()


def _nothing() -> None:
    """Nobody wants to know yet."""
