"""Who may ask the HTTP server: no page that a browser shows, and nobody by a name we do not have.

A browser can be led to send requests to a local server by any page that it shows. Such a request
names the page's own origin, or, after DNS rebinding, has the page's name in its Host header.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Collection, Mapping
from urllib.parse import urlsplit

import structlog
from aiohttp import web

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Route = tuple[str, str]

BODY_SECONDS = 10.0
"""How long a body may take to arrive; Slack itself waits three seconds for an answer."""
NOWHERE = "Nobody is served here by that name."
CROSS_SITE = "Pages of other sites are not served here."
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""What every answer carries, unless its handler has set it to something else."""


class Guard:
    """Refuses requests before their handlers see them.

    `names` are the server's own beside localhost. An address of digits is nobody's to rebind.
    Routes in `signed` are asked by any name: what they are sent proves by itself where it is from.
    """

    def __init__(self, names: Collection[str], signed: Collection[Route]) -> None:
        self._names = {name.lower().rstrip(".") for name in names}
        self._signed = signed

    @web.middleware
    async def check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request through, its body read; or answer it here."""
        named = request.headers.get("Host")
        host = hostname(f"//{named}")
        known = named is None or self._own(host)  # a browser always names the host
        if not known and (request.method, request.path) not in self._signed:
            log.info("http.unknown_host", host=host[:100], mend="[http] hosts names what is served")
            raise web.HTTPMisdirectedRequest(text=NOWHERE)
        if not self._same_site(request.headers, host, request.method):
            log.info("http.cross_site", path=request.path[:100])
            raise web.HTTPForbidden(text=CROSS_SITE)
        try:
            async with asyncio.timeout(BODY_SECONDS):
                await request.read()
        except TimeoutError:
            raise web.HTTPRequestTimeout(headers={"Connection": "close"}) from None
        return await handler(request)

    def _own(self, host: str) -> bool:
        local = host == "localhost" or host.endswith(".localhost")
        return local or host in self._names or is_address(host)

    def _same_site(self, headers: Mapping[str, str], host: str, method: str) -> bool:
        """Links lead here from other sites, as Slack's page of an installation does."""
        origin = headers.get("Origin")
        if origin is not None:
            asking = hostname(origin)
            return bool(asking) and (asking == host or asking in self._names)
        if headers.get("Sec-Fetch-Site", "none") not in {"cross-site", "same-site"}:
            return True
        return method == "GET" and headers.get("Sec-Fetch-Mode") == "navigate"


async def protect(_request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Put the headers on an answer that is about to be sent."""
    response.headers["Server"] = "Quipu"  # nobody need know whose version this is
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)


def hostname(url: str) -> str:
    """The name in an address, without its port; empty if there is none to be read."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_address(host: str) -> bool:
    """Whether this is a number and not a name."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
