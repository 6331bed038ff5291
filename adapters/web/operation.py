"""GET /readyz and GET /metrics: what an operator's own programs ask."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import structlog
from aiohttp import web

from adapters.web.server import WebServer

log = structlog.get_logger(__name__)

READY_PATH = "/readyz"
METRICS_PATH = "/metrics"
READY_SECONDS = 30.0
"""A look that takes longer has failed; a model has less than that for its token."""


class Condition(Protocol):
    """How a part is."""

    @property
    def ready(self) -> bool: ...

    @property
    def note(self) -> str: ...


Look = Callable[[], Awaitable[Mapping[str, Condition]]]
Page = Callable[[], Awaitable[tuple[bytes, str]]]
"""The metrics as text, and the content type that says in which format."""


def mount_readiness(server: WebServer, look: Look) -> None:
    """Answer 200 if every part is ready, else 503; either way with each part's condition."""

    async def answer(_request: web.Request) -> web.Response:
        try:
            parts = await asyncio.wait_for(look(), READY_SECONDS)
        except TimeoutError:
            log.warning("the look at readiness took too long", seconds=READY_SECONDS)
            late = {"status": "not ready", "reason": "looking took too long"}
            return web.json_response(late, status=503)
        shown = {name: _shown(condition) for name, condition in parts.items()}
        ready = all(condition.ready for condition in parts.values())
        body: dict[str, object] = {"status": "ready" if ready else "not ready", "parts": shown}
        return web.json_response(body, status=200 if ready else 503)

    server.mount("GET", READY_PATH, answer)


def mount_metrics(server: WebServer, page: Page) -> None:
    """Answer with the figures as Prometheus reads them."""

    async def answer(_request: web.Request) -> web.Response:
        text, kind = await page()
        return web.Response(body=text, headers={"Content-Type": kind})

    server.mount("GET", METRICS_PATH, answer)


def _shown(condition: Condition) -> dict[str, bool | str]:
    return {"ready": condition.ready} | ({"note": condition.note} if condition.note else {})
