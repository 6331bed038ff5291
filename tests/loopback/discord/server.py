"""The server: one Discord with one bot account on a port of this machine."""

# ruff: noqa: ASYNC109 - tests say how long they are ready to wait

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Self

from aiohttp import web

from tests.loopback.changes import PATIENCE
from tests.loopback.discord.applications import FLAG_MEMBERS, FLAG_MESSAGE_CONTENT, Applications
from tests.loopback.discord.callbacks import Callbacks
from tests.loopback.discord.events import CONTENT, MEMBERS
from tests.loopback.discord.files import Files
from tests.loopback.discord.gateway import Gateway
from tests.loopback.discord.limits import Limits
from tests.loopback.discord.messages import Messages
from tests.loopback.discord.openapi import OpenApi, at_hand
from tests.loopback.discord.places import Places
from tests.loopback.discord.rest import PREFIX, Pipeline, Recorded
from tests.loopback.discord.world import World

if TYPE_CHECKING:
    from types import TracebackType

    from tests.loopback.discord.model import Channel, Guild, User
    from tests.loopback.discord.people import Person
    from tests.loopback.faults import Faults

TOKEN = "MTIz.loopback.token"
GATEWAY_PATH = "/gateway"
LARGEST_REQUEST = 32 * 1024 * 1024


class DiscordServer:
    """Use it as an async context manager; `api_url`, `gateway_url` and `token` go to the bot.

    `message_content` and `members` are the switches of the developer portal for the privileged
    intents. What the bot asked for against Discord's description is gathered in `violations`; the
    description is read once if a `judge` is handed over.
    """

    def __init__(
        self,
        *,
        token: str = TOKEN,
        bot_name: str = "Quipu",
        message_content: bool = False,
        members: bool = False,
        port: int = 0,
        judge: OpenApi | None = None,
    ) -> None:
        self.token = token
        self.world = World(bot_name)
        self.limits = Limits()
        self.message_content = message_content
        self._allowed = (CONTENT if message_content else 0) | (MEMBERS if members else 0)
        self.world.application_flags = (FLAG_MESSAGE_CONTENT if message_content else 0) | (
            FLAG_MEMBERS if members else 0
        )
        self._pipeline = Pipeline(token, self.limits, judge or at_hand())
        self._runner: web.AppRunner | None = None
        self._port = port
        self.gateway: Gateway
        self.files: Files
        self.applications: Applications

    @property
    def bot(self) -> User:
        """The account of the bot under test."""
        return self.world.bot

    @property
    def api_url(self) -> str:
        """For `discord.http.Route.BASE`."""
        return f"http://127.0.0.1:{self._port}{PREFIX}"

    @property
    def gateway_url(self) -> str:
        """For `discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY`."""
        return f"ws://127.0.0.1:{self._port}{GATEWAY_PATH}"

    @property
    def faults(self) -> Faults:
        """What goes wrong on purpose."""
        return self._pipeline.faults

    @property
    def requests(self) -> list[Recorded]:
        """Every REST request so far."""
        return self._pipeline.requests

    @property
    def violations(self) -> list[str]:
        """Every request so far that Discord would not know, or not know in this form."""
        return self._pipeline.violations

    @property
    def misstatements(self) -> list[str]:
        """Every answer so far that Discord would not give in this form: the server's own errors."""
        return self._pipeline.misstatements

    def guild(self, name: str = "Guild") -> Guild:
        """A new guild that the bot is in."""
        return self.world.create_guild(name)

    def stranger(self, name: str) -> Person:
        """Somebody who shares no guild with the bot."""
        return self.world.stranger(name)

    async def wait_for_commands(
        self, *, guild: Guild | None = None, timeout: float = PATIENCE
    ) -> None:
        """Until the bot has registered commands."""
        scope = guild.id if guild else 0
        await self.world.changes.until(
            lambda: self.world.commands.get(scope), timeout, lambda: "no commands"
        )

    async def reset_token(self, token: str) -> None:
        """The operator presses "Reset Token": what the bot holds is worth nothing any more."""
        self.token = self._pipeline.token = self.gateway.token = token
        await self.gateway.close_with(4004)

    def forget(self, channel: Channel) -> None:
        """Delete a channel."""
        self.world.remove_channel(channel)

    async def __aenter__(self) -> Self:
        app = web.Application(
            middlewares=[self._pipeline.middleware], client_max_size=LARGEST_REQUEST
        )
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        # The port must be known before the handlers are built, for they tell it.
        site = await self._bind(app)
        await site.start()
        return self

    async def _bind(self, app: web.Application) -> web.SockSite:
        line = socket.create_server(("127.0.0.1", self._port))
        self._port = line.getsockname()[1]
        self._install(app)
        assert self._runner is not None
        await self._runner.setup()
        return web.SockSite(self._runner, line)

    def _install(self, app: web.Application) -> None:
        self.gateway = Gateway(
            self.world, self.token, url=self.gateway_url, allowed_intents=self._allowed
        )
        self.applications = Applications(
            self.world,
            owner=self.world.register("Operator"),
            gateway_url=self.gateway_url,
        )
        self.world.files_url = f"http://127.0.0.1:{self._port}"
        self.files = Files(self.world)
        messages = Messages(self.world, reads_content=bool(self._allowed & CONTENT))
        app.add_routes([web.get(GATEWAY_PATH, self.gateway.serve)])
        parts = (Places(self.world, messages), messages, Callbacks(self.world), self.files)
        for part in parts:
            app.add_routes(part.routes())
        app.add_routes(self.applications.routes())

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.faults.clear()
        await self.gateway.close()
        assert self._runner is not None
        await self._runner.cleanup()
