"""One HTTP server: its own health, and routes that platforms mount and take away while it runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping

import structlog
from aiohttp import web

from adapters.web.guard import Guard, Handler, Route, protect
from bot.errors import ConfigError, QuipuError

log = structlog.get_logger(__name__)

Health = Callable[[], Awaitable[Mapping[str, bool]]]
"""The parts of the program, and whether each works."""

HEALTH_PATH = "/healthz"
LARGEST_BODY = 1_048_576
"""Bytes; Slack's requests are a fraction of that."""
HEALTH_SECONDS = 5.0
"""A check that takes longer has failed."""
IDLE_SECONDS = 15.0
"""How long a connection may be open without a whole request's headers."""
LINGER_SECONDS = 1.0
"""How long the rest of a refused request is read, so that the refusal arrives."""
GRACE_SECONDS = 5.0
"""What running requests have left when the server stops."""


class WebServer:
    """Listens at one address. Routes may be mounted before it starts and after.

    `names` are what it is called from outside, as a proxy before it passes them on.
    """

    def __init__(
        self, host: str, port: int, *, health: Health, names: Collection[str] = ()
    ) -> None:
        self._host = host
        self._port = port
        self._health = health
        self._routes: dict[Route, Handler] = {}
        self._signed: set[Route] = set()
        self._guard = Guard({host, *names}, self._signed)
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The port it listens at, which the system chose if it was asked for port 0."""
        if self._runner is not None and self._runner.addresses:
            return int(self._runner.addresses[0][1])
        return self._port

    def mount(self, method: str, path: str, handler: Handler, *, signed: bool = False) -> None:
        """Answer requests by `handler`; an earlier one for the same method and path is replaced.

        What is `signed` by its sender may come under any name of this machine.
        """
        if path == HEALTH_PATH:
            raise ValueError(f"{path} is taken")
        self._routes[route := (method.upper(), path)] = handler
        (self._signed.add if signed else self._signed.discard)(route)

    def unmount(self, method: str, path: str) -> None:
        """Answer no such request any more."""
        self._routes.pop((method.upper(), path), None)
        self._signed.discard((method.upper(), path))

    async def start(self) -> None:
        """Listen. ConfigError if the address cannot be had."""
        app = web.Application(client_max_size=LARGEST_BODY, middlewares=[self._guard.check])
        app.on_response_prepare.append(protect)
        app.router.add_get(HEALTH_PATH, self._answer_health)
        # aiohttp's own routes are fixed once it runs; a platform that connects anew mounts again.
        app.router.add_route("*", "/{path:.*}", self._dispatch)
        runner = web.AppRunner(
            app,
            access_log=None,
            shutdown_timeout=GRACE_SECONDS,
            keepalive_timeout=IDLE_SECONDS,
            lingering_time=LINGER_SECONDS,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as error:
            await runner.cleanup()
            raise ConfigError(
                f"[http] cannot listen at {self._host} port {self._port}: {error.strerror or error}"
            ) from error
        self._runner = runner
        log.info("listening for HTTP", host=self._host, port=self.port)

    async def stop(self) -> None:
        """Take no more requests, let the running ones end."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def _dispatch(self, request: web.Request) -> web.StreamResponse:
        handler = self._routes.get((request.method, request.path))
        if handler is not None:
            return await handler(request)
        methods = sorted(method for method, path in self._routes if path == request.path)
        if methods:
            raise web.HTTPMethodNotAllowed(request.method, methods)
        raise web.HTTPNotFound

    async def _answer_health(self, _request: web.Request) -> web.Response:
        """Names and truth values only: whoever reaches the port may read this."""
        parts = await self._parts()
        well = parts is not None and all(parts.values())
        body = {"status": "ok" if well else "failing", "parts": dict(parts or {})}
        return web.json_response(body, status=200 if well else 503)

    async def _parts(self) -> Mapping[str, bool] | None:
        try:
            return await asyncio.wait_for(self._health(), HEALTH_SECONDS)
        except (QuipuError, TimeoutError) as error:
            log.warning("the check of health failed", reason=str(error) or type(error).__name__)
            return None
