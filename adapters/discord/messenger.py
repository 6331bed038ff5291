"""Discord as the core's Messenger: signing in, listening, and a way out for every reply."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import discord
import structlog
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

from adapters.discord.attachments import Attachments
from adapters.discord.budget import Budget
from adapters.discord.calls import Caller
from adapters.discord.client import GatewayClient
from adapters.discord.clock import Clock
from adapters.discord.declared import application_commands
from adapters.discord.failures import translated
from adapters.discord.interactions import Interactions
from adapters.discord.mends import BAD_SET_UP, BAD_TOKEN, NEVER_AGAIN, NO_INTENT
from adapters.discord.outbound import ClosedPlaces, DiscordOutlet
from adapters.discord.places import PLATFORM
from adapters.discord.registration import register
from adapters.discord.shared import SharedRoles
from adapters.discord.trace import Trace
from bot.control.commands import COMMANDS
from bot.errors import ConfigError, PlatformError, QuipuError
from bot.operation.facts import UNOBSERVED

if TYPE_CHECKING:
    from collections.abc import Collection, Coroutine

    from bot.control.ports import Behaviours, Control, Locales
    from bot.operation.facts import Observer
    from bot.ports import Absences, Inbox
    from bot.values import Inbound, Place

log = structlog.get_logger(__name__)

# What was done to the database must still be told to the person who asked for it. The program
# gives all of `close` five seconds, and what follows must have some of them.
CLOSING_PATIENCE = 3.0


class DiscordMessenger:
    """The bot's one connection to Discord.

    `start` signs in, which is enough to send; `run` then listens until `stop_listening` or `close`.
    """

    platform = PLATFORM

    def __init__(
        self,
        token: str,
        *,
        inbox: Inbox,
        control: Control,
        absences: Absences,
        behaviours: Behaviours | None = None,
        locales: Locales | None = None,
        admin_roles: Collection[str] = (),
        listed_roles: Collection[str] = (),
        api_url: str | None = None,
        gateway_url: str | None = None,
        message_content: bool = False,
        sync_commands: bool = True,
        observer: Observer = UNOBSERVED,
    ) -> None:
        self._token = token
        self._api_url = api_url
        self._gateway_url = gateway_url
        self._sync_commands = sync_commands
        self._budget = Budget()
        clock = Clock()

        def dated(platform: str, date: str | None) -> None:
            clock.hear(date)
            absences.clock(platform, date)

        self._trace = Trace(self._budget, observer, dated)
        self._closed_places = ClosedPlaces()
        self._files = Attachments(api_url)
        shared = SharedRoles(listed_roles)
        caller = Caller(admin_roles, shared, message_content=message_content)
        self._client = GatewayClient(
            inbox,
            self._tell,
            control.place_of_message,
            message_content=message_content,
            http_trace=self._trace.config(),
            files=self._files,
            interactions=Interactions(control, caller, self._files, COMMANDS, clock.now, locales),
            absences=absences,
            budget=self._budget,
            behaviours=behaviours,
            locales=locales,
            admin_roles=admin_roles,
            shared=shared,
        )
        self._trace.unlock = self._client.forget_global_limit
        self._tasks: set[asyncio.Task[None]] = set()
        self._connection: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether the gateway has a session; not while discord.py connects anew."""
        socket = self._client.socket
        return socket is not None and socket.open and socket.session_id is not None

    def outlet(
        self,
        place: Place,
        answering: str,
        beside: Collection[str] = (),  # noqa: ARG002 - what it answers stands above each message
    ) -> DiscordOutlet:
        """The way back to the author of message `answering`; makes no request."""
        return DiscordOutlet(
            self._client,
            place,
            answering,
            budget=self._budget,
            trace=self._trace,
            closed=self._closed_places,
            threads=self._client.threads,
            taken_back=self._client.taken_back,
        )

    async def start(self) -> None:
        """Sign in over REST. ConfigError for a bad token, PlatformError if Discord is away."""
        point_at(self._api_url, self._gateway_url)
        try:
            with translated("signing in"):
                await self._client.login(self._token)
        except discord.LoginFailure as error:
            await self._client.close()
            raise ConfigError(BAD_TOKEN) from error
        except BaseException:
            await self._client.close()
            raise
        if self._sync_commands:
            self._in_background(register(self._client, application_commands(COMMANDS)))

    async def run(self) -> None:
        """Listen until stopped. ConfigError if Discord refuses the intents or the token."""
        self._connection = asyncio.create_task(self._connect(), name="discord gateway")
        try:
            await asyncio.shield(self._connection)
        except asyncio.CancelledError:
            if not self._connection.cancelled():
                self._connection.cancel()
                raise
        except discord.PrivilegedIntentsRequired as error:
            raise ConfigError(NO_INTENT) from error
        except discord.ConnectionClosed as error:
            raise self._closed(error) from error

    async def stop_listening(self) -> None:
        """Take no more events; what is being answered can still be sent."""
        await self._client.stop_listening()
        if self._connection is not None:
            self._connection.cancel()
            await asyncio.wait({self._connection})
        if (socket := self._client.socket) is not None and socket.open:
            await socket.close(code=1000)

    async def close(self) -> None:
        """Sign out and end everything that is still under way."""
        await self.stop_listening()
        await self._client.settled(CLOSING_PATIENCE)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._trace.close()
        await self._files.close()
        await self._client.close()

    async def _connect(self) -> None:
        while not self._client.is_closed():
            try:
                await self._client.connect()
            except AttributeError:
                # discord.py 2.7 has already waited when it trips over the socket that a failed
                # very first connection never made.
                if self._client.socket is not None:
                    raise
                log.warning("discord.gateway_unreachable")

    def _closed(self, error: discord.ConnectionClosed) -> QuipuError:
        if error.code == 4004:
            return ConfigError(BAD_TOKEN)
        if error.code in NEVER_AGAIN:
            return ConfigError(BAD_SET_UP.format(code=error.code, reason=error.reason or "none"))
        return PlatformError(f"Discord closed the gateway with code {error.code}: {error.reason}")

    async def _tell(self, inbound: Inbound, text: str, nonce: str) -> None:
        outlet = self.outlet(inbound.place, inbound.message_id)
        try:
            await outlet.note(text, nonce=nonce)
        except PlatformError:
            log.exception("discord.not_told", place=inbound.place.id)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def point_at(api_url: str | None, gateway_url: str | None = None) -> None:
    """Aim discord.py at other servers than Discord's; it knows one address per process."""
    if api_url is not None:
        Route.BASE = api_url.rstrip("/")
    if gateway_url is not None:
        DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)
