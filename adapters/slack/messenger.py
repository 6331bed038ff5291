"""Slack as the core's Messenger: signing in, listening, and a way out for every reply."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Coroutine, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

import aiohttp
import structlog
from slack_bolt.async_app import AsyncApp
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.answers import Answers
from adapters.slack.api import Api
from adapters.slack.asked import Asked
from adapters.slack.budget import HISTORY, TIERS, Budget, Clock
from adapters.slack.channels import Channels
from adapters.slack.commands import Commands
from adapters.slack.doctor import BAD_APP_TOKEN, BAD_BOT_TOKEN
from adapters.slack.failures import Refusal, Told, translated
from adapters.slack.files import Files
from adapters.slack.groups import Groups
from adapters.slack.listener import Listener
from adapters.slack.outbound import Desk, SlackOutlet
from adapters.slack.people import People
from adapters.slack.places import PLATFORM, Habits
from adapters.slack.prompts import Prompts
from adapters.slack.sockets import Sockets
from adapters.slack.surroundings import Surroundings
from adapters.slack.threads import Threads
from adapters.slack.web import Mount, OAuth, mount_events, mount_installation
from adapters.slack.workspaces import Authorize, Connect, InstalledWorkspaces, OneWorkspace
from bot.errors import ConfigError
from bot.operation.facts import UNOBSERVED

if TYPE_CHECKING:
    from bot.control.ports import Behaviours, Control
    from bot.operation.facts import Observer
    from bot.ports import Absences, Inbox
    from bot.values import Place

log = structlog.get_logger(__name__)

SLACK = "https://slack.com/api/"
REQUEST_TIMEOUT = 30.0
NOT_SIGNED_IN = "Slack needs a bot token for one workspace, or OAuth for many"
NO_CONNECTION = "Socket Mode needs an app-level token, xapp-…"
NO_REQUESTS = "HTTP mode needs the signing secret and an HTTP server to mount its routes on"


class SlackMessenger:
    """The bot in Slack: one workspace by `bot_token`, or every one that installs it by `oauth`.

    `start` signs in, which is enough to send; `run` then listens until `stop_listening` or `close`.
    `reply_in_except` and `follow_threads_except` name the channels that are the other way round.
    All its replies share `budget`. Without `behaviours` only what is turned to the bot is heard.
    """

    platform = PLATFORM

    def __init__(
        self,
        *,
        inbox: Inbox,
        control: Control,
        absences: Absences,
        behaviours: Behaviours | None = None,
        bot_token: str | None = None,
        app_token: str | None = None,
        signing_secret: str | None = None,
        mode: Literal["socket", "http"] = "socket",
        oauth: OAuth | None = None,
        api_url: str | None = None,
        admins: Collection[str] = (),
        reply_in: Literal["thread", "channel"] = "thread",
        reply_in_except: Collection[str] = (),
        follow_threads: bool = True,
        follow_threads_except: Collection[str] = (),
        native_streams: bool = True,
        history_per_minute: int = TIERS[HISTORY],
        mount: Mount | None = None,
        connections: int = 2,
        clock: Clock = time.monotonic,
        observer: Observer = UNOBSERVED,
    ) -> None:
        if bot_token is None and oauth is None:
            raise ConfigError(NOT_SIGNED_IN)
        if mode == "http" and (not signing_secret or mount is None):
            raise ConfigError(NO_REQUESTS)
        self._app_token = _app_token(mode, app_token)
        self._oauth = oauth
        self._mount = mount
        self._connections = connections
        self._base_url = (api_url or SLACK).rstrip("/") + "/"
        self._session: aiohttp.ClientSession | None = None
        self._client = self._connect(None)
        self._one = OneWorkspace(self._connect(bot_token)) if oauth is None else None
        workspaces = self._one or _installed(oauth, self._connect)
        self._signing_secret = signing_secret
        self._app = _app(self._client, Authorize(workspaces), signing_secret)
        told, asked = Told(), Asked()
        self._clock = partial(absences.clock, PLATFORM)
        self.budget = Budget(clock, history=history_per_minute)
        api = Api(self.budget, told, observer=observer)
        self._desk = Desk(api, workspaces, asked, told, native_streams, clock)
        habits = Habits(
            reply_in == "thread",
            frozenset(reply_in_except),
            follow_threads,
            frozenset(follow_threads_except),
        )
        around = self._surroundings(habits, frozenset(admins), behaviours, api_url)
        self._listener = self._wired(inbox, control, absences, around)
        self._tasks: set[asyncio.Task[None]] = set()
        self._listening: asyncio.Task[Any] | None = None
        self._sockets: Sockets | None = None

    @property
    def connected(self) -> bool:
        """Whether Slack can reach us, by a socket of ours or the HTTP server's routes, and we it.

        Of several workspaces one that takes no token of ours any more leaves the others connected.
        """
        listening = self._listening is not None and not self._listening.done()
        refused = self._one is not None and bool(self._desk.api.refused)
        return listening and not refused and (self._sockets is None or self._sockets.connected)

    def outlet(self, place: Place, answering: str, beside: Collection[str] = ()) -> SlackOutlet:
        """The way back to the author of message `answering`; makes no request."""
        return SlackOutlet(self._desk, place, answering, beside)

    async def start(self) -> None:
        """Sign in. ConfigError for a bad token, PlatformError if Slack is away."""
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT)
        self._session = self._client.session = aiohttp.ClientSession(
            timeout=timeout, trace_configs=[_dated(self._clock)]
        )
        try:
            await self._sign_in(self._session)
        except BaseException:
            await self._session.close()
            raise
        if self._mount and self._app_token is None and self._signing_secret:
            mount_events(
                self._mount, self._app, self._signing_secret, lambda: self._listener.listening
            )
        if self._mount and self._oauth:
            mount_installation(self._mount, self._oauth.flow(self._client))

    async def run(self) -> None:
        """Listen until stopped."""
        self._listening = asyncio.create_task(self._listen(), name="slack")
        try:
            await asyncio.shield(self._listening)
        except asyncio.CancelledError:
            if not self._listening.cancelled():
                self._listening.cancel()
                raise

    async def stop_listening(self) -> None:
        """Take no more events; what is being answered can still be sent."""
        self._listener.listening = False
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.wait({self._listening})
        await self._listener.missed.close()

    async def close(self) -> None:
        """End everything that is still under way."""
        await self.stop_listening()
        await self._listener.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._session is not None:
            await self._session.close()

    async def _sign_in(self, session: aiohttp.ClientSession) -> None:
        if self._one is not None:
            self._one.client.session = session
            with _credentials(BAD_BOT_TOKEN):
                own = await self._one.start()
            log.info("slack.signed_in", workspace=own.key, user=own.bot_name)
        if self._app_token is not None:
            with _credentials(BAD_APP_TOKEN), translated("apps.connections.open"):
                await self._client.apps_connections_open(app_token=self._app_token)

    async def _listen(self) -> None:
        missed = self._listener.missed
        if self._app_token is not None:
            self._sockets = Sockets(self._app, self._app_token, self._connections)
            await self._sockets.run(connected=missed.connected, lost=missed.lost)
        else:
            missed.connected()
            await asyncio.Event().wait()  # the HTTP server listens

    def _surroundings(
        self,
        habits: Habits,
        admins: frozenset[str],
        behaviours: Behaviours | None,
        api_url: str | None,
    ) -> Surroundings:
        desk = self._desk
        api = desk.api
        groups = Groups(api, desk.told, self._in_background, clock=desk.clock)
        return Surroundings(
            api,
            desk.workspaces,
            People(api, admins, groups),
            Channels(api),
            Threads(api),
            desk.asked,
            habits,
            Files(api, api_url),
            desk.taken_back,
            behaviours,
        )

    def _wired(
        self, inbox: Inbox, control: Control, absences: Absences, around: Surroundings
    ) -> Listener:
        """Bolt's app hands its events to a listener, and what people steer with to the commands."""
        prompts = Prompts(around.api)
        listener = Listener(inbox, around, prompts, self._in_background, absences)
        listener.listen(self._app)
        answers = Answers(around.api, around.files, control)
        Commands(control, around, answers, self._in_background).listen(self._app)
        return listener

    def _connect(self, token: str | None) -> AsyncWebClient:
        # No retries in the SDK: they would post twice, and wait where we want to go on.
        return AsyncWebClient(
            token, base_url=self._base_url, session=self._session, retry_handlers=[]
        )

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _dated(told: Callable[[str | None], None]) -> aiohttp.TraceConfig:
    """Passes on what every answer says of the time."""
    config = aiohttp.TraceConfig()

    async def ended(_: object, __: object, end: aiohttp.TraceRequestEndParams) -> None:
        told(end.response.headers.get("Date"))

    config.on_request_end.append(ended)
    return config


def _app(client: AsyncWebClient, authorize: Authorize, signing_secret: str | None) -> AsyncApp:
    """Bolt's app. It finds tokens in the environment by itself and warns that it will not use them,
    which would mislead whoever put them there for us.
    """
    bolt_log = logging.getLogger("slack_bolt.quipu")
    bolt_log.setLevel(logging.CRITICAL)
    app = AsyncApp(
        name="quipu",
        logger=bolt_log,
        client=client,
        authorize=authorize,  # type: ignore[arg-type]  # bolt takes its own kind too
        signing_secret=signing_secret or "",
        # An event is acknowledged when its listener has returned, not when it begins.
        process_before_response=True,
        attaching_conversation_kwargs_enabled=False,
        # Bolt takes it for the bot's own event when somebody deletes what the bot said.
        ignoring_self_events_enabled=False,
    )
    bolt_log.setLevel(logging.ERROR)
    return app


def _app_token(mode: str, app_token: str | None) -> str | None:
    """The token for Socket Mode; None where Slack comes to us."""
    if mode == "socket" and app_token is None:
        raise ConfigError(NO_CONNECTION)
    return app_token if mode == "socket" else None


def _installed(oauth: OAuth | None, connect: Connect) -> InstalledWorkspaces:
    assert oauth is not None
    return InstalledWorkspaces(oauth.installations, connect, oauth.admitted)


@contextmanager
def _credentials(mend: str) -> Iterator[None]:
    """What Slack refuses while we sign in is wrong in the configuration."""
    try:
        yield
    except Refusal as error:
        raise ConfigError(f"{error}. {mend}") from error
