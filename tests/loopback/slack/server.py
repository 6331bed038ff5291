"""The server: one Slack with one app on a port of this machine."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Self

from aiohttp import web

from tests.loopback.slack.agents import Agents
from tests.loopback.slack.chat import Chat
from tests.loopback.slack.directory import Directory
from tests.loopback.slack.dispatch import Dispatcher
from tests.loopback.slack.installing import Grants
from tests.loopback.slack.interactions import Desk
from tests.loopback.slack.judge import EventJudge, MethodJudge, events_at_hand, methods_at_hand
from tests.loopback.slack.limits import Limits
from tests.loopback.slack.scopes import SCOPES
from tests.loopback.slack.socketmode import PATH, SocketMode
from tests.loopback.slack.streaming import Streaming
from tests.loopback.slack.uploads import Uploads
from tests.loopback.slack.views import Views
from tests.loopback.slack.webapi import Recorded, WebApi
from tests.loopback.slack.webhooks import Webhooks
from tests.loopback.slack.world import World

if TYPE_CHECKING:
    from types import TracebackType

    from tests.loopback.faults import Faults
    from tests.loopback.slack.clock import Clock
    from tests.loopback.slack.model import Json, Workspace
    from tests.loopback.slack.world import App


class SlackServer:
    """Use it as an async context manager; `api_url` and the tokens go to the bot.

    `scopes` are what the app asks for. What the bot asked for against Slack's description, or
    beyond these scopes, is gathered in `violations`. The bot is told over Socket Mode, until
    `post_events_to` says otherwise.
    """

    def __init__(
        self,
        *,
        app_name: str = "Quipu",
        scopes: frozenset[str] = SCOPES,
        port: int = 0,
        judge: MethodJudge | None = None,
        event_judge: EventJudge | None = None,
    ) -> None:
        self.world = World(app_name, scopes)
        self.limits = Limits(self.world.clock)
        self._api = WebApi(self.world, self.limits, judge or methods_at_hand())
        self._event_judge = event_judge or events_at_hand()
        self._runner: web.AppRunner | None = None
        self._port = port
        self._webhooks: list[Webhooks] = []
        self.socket_mode: SocketMode
        self.dispatch: Dispatcher

    @property
    def app(self) -> App:
        """The app under test: its credentials, and the events it subscribes to."""
        return self.world.app

    @property
    def clock(self) -> Clock:
        """Put it forward to let streams, limits and links grow old."""
        return self.world.clock

    @property
    def base_url(self) -> str:
        """Where this Slack is."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def api_url(self) -> str:
        """For `AsyncWebClient(base_url=...)`."""
        return f"{self.base_url}/api/"

    @property
    def faults(self) -> Faults:
        """What goes wrong on purpose; every call counts as POST, and its path is the method."""
        return self._api.faults

    @property
    def calls(self) -> list[Recorded]:
        """Every Web API call so far."""
        return self._api.calls

    @property
    def violations(self) -> list[str]:
        """Every call so far that Slack would not know, or not know in this form."""
        return self._api.violations

    @property
    def misstatements(self) -> list[str]:
        """Everything that Slack itself would not have said so: the server's own errors."""
        return self._api.misstatements

    def workspace(
        self,
        name: str = "Workspace",
        *,
        enterprise_id: str | None = None,
        org_wide: bool = False,
        installed: bool = True,
    ) -> Workspace:
        """A new workspace with the app in it, unless it is yet to be installed."""
        return self.world.create_workspace(
            name, enterprise_id=enterprise_id, org_wide=org_wide, installed=installed
        )

    def post_events_to(self, url: str, *, commands: str = "", interactions: str = "") -> Webhooks:
        """From now on tell the app over HTTP."""
        hooks = Webhooks(self.app, url, commands=commands, interactions=interactions)
        self._webhooks.append(hooks)
        self.dispatch.line = hooks
        return hooks

    async def __aenter__(self) -> Self:
        line = socket.create_server(("127.0.0.1", self._port))
        self._port = line.getsockname()[1]
        app = web.Application()
        app.add_routes(self._install())
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.SockSite(self._runner, line).start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.faults.clear()
        await self.dispatch.close()
        for hooks in self._webhooks:
            await hooks.close()
        await self.socket_mode.close()
        assert self._runner is not None
        await self._runner.cleanup()

    def _install(self) -> list[web.RouteDef]:
        world = self.world
        # The port must be known before these are built, for they tell it.
        self.socket_mode = SocketMode(world, f"ws://127.0.0.1:{self._port}{PATH}")
        self.dispatch = Dispatcher(world, self.socket_mode, self._examine)
        desk = Desk(world, self.dispatch, self.base_url)
        world.views = Views(world, desk)
        parts = (self.socket_mode, Chat(world), Streaming(world), Agents(world), Directory(world))
        uploads = Uploads(world, self.base_url)
        for part in (*parts, world.views, Grants(world), uploads):
            self._api.answers |= part.methods()
        routes = [*self._api.routes(), *desk.routes(), *uploads.routes()]
        return [*routes, web.get(PATH, self.socket_mode.serve)]

    def _examine(self, payload: Json) -> None:
        if self._event_judge is not None:
            self.misstatements.extend(self._event_judge.misstatements(payload))
