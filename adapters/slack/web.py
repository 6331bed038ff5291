"""Slack's requests over HTTP: events, commands and windows, and the pages of an installation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.request.async_request import AsyncBoltRequest

from adapters.slack.installing import EVERYBODY, Admitted, Installing
from adapters.slack.manifest import EVENTS_PATH, INSTALL_PATH, REDIRECT_PATH, SCOPES
from adapters.slack.signed import Signed

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
    from slack_bolt.response import BoltResponse
    from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
    from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore
    from slack_sdk.web.async_client import AsyncWebClient

log = structlog.get_logger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

AGAIN_LATER = 503
UNSIGNED = 401
DONE = 200
CERTIFICATE_CHECK = b"ssl_check=1"
"""Slack looks at the TLS certificate of a command's address so, without a signature."""
SET_THE_CLOCK = (
    "Slack's requests count for five minutes only: set this machine's clock, best by NTP. If it is "
    "right, somebody sends old requests of Slack's again, and they are refused"
)
PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src https://platform.slack-edge.com; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""For bolt's pages, which hold styles of their own and Slack's button."""


class Mount(Protocol):
    """Takes a handler for requests; `signed` says that these prove who sent them."""

    def __call__(
        self, method: str, path: str, handler: Handler, *, signed: bool = False
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class OAuth:
    """What lets workspaces install the app. `public_url` leads a browser to this server."""

    client_id: str
    client_secret: str = field(repr=False)
    installations: AsyncInstallationStore
    states: AsyncOAuthStateStore
    public_url: str
    admitted: Admitted = EVERYBODY

    def flow(self, client: AsyncWebClient) -> AsyncOAuthFlow:
        """Bolt's pages for it."""
        settings = AsyncOAuthSettings(
            client_id=self.client_id,
            client_secret=self.client_secret,
            scopes=list(SCOPES),
            user_scopes=[],
            redirect_uri=self.public_url.rstrip("/") + REDIRECT_PATH,
            install_path=INSTALL_PATH,
            redirect_uri_path=REDIRECT_PATH,
            installation_store=self.installations,
            installation_store_bot_only=True,
            state_store=self.states,
        )
        return Installing(client, settings, self.admitted)


def mount_events(
    mount: Mount, app: AsyncApp, signing_secret: str, listening: Callable[[], bool]
) -> None:
    """Take what Slack sends; while not `listening` it is asked to send it again.

    Nothing is read of a request that Slack did not sign, and nothing done twice for one.
    """
    signed, clocks = Signed(signing_secret), _Clocks()

    async def dispatch(request: web.Request) -> web.StreamResponse:
        body, headers = await request.read(), request.headers
        if not signed.holds(body, headers):
            clocks.compare(signed.off(body, headers))
            return web.Response(status=DONE if CERTIFICATE_CHECK in body.split(b"&") else UNSIGNED)
        if not listening():
            return web.Response(status=AGAIN_LATER)
        if signed.again(headers):
            log.warning("slack.request_replayed", sender=request.remote)
            return web.Response(status=DONE)
        signed.note(headers)
        status = 0
        try:
            answer = await _answered(app, request, body.decode("utf-8"))
            status = answer.status
        finally:
            if status != DONE:
                signed.forget(headers)
        return answer

    mount("POST", EVENTS_PATH, dispatch, signed=True)


class _Clocks:
    """Says once that Slack's requests are refused only because two clocks differ."""

    def __init__(self) -> None:
        self._told = False

    def compare(self, ahead: float) -> None:
        """Our clock is so many seconds ahead, as far as a refused request shows; 0 if it is not."""
        if ahead and not self._told:
            self._told = True
            log.error("slack.clocks_differ", seconds=round(ahead), mend=SET_THE_CLOCK)


async def _answered(app: AsyncApp, request: web.Request, body: str) -> web.Response:
    headers: dict[str, str | Sequence[str]] = {}
    headers |= {name: request.headers.getall(name) for name in request.headers}
    asked = AsyncBoltRequest(body=body, query=request.query_string, headers=headers)
    return await to_aiohttp_response(await app.async_dispatch(asked))


def mount_installation(mount: Mount, flow: AsyncOAuthFlow) -> None:
    """Serve the page that sends an admin to Slack, and the one they come back to."""

    async def install(request: web.Request) -> web.StreamResponse:
        return await _page(await flow.handle_installation(await to_bolt_request(request)))

    async def come_back(request: web.Request) -> web.StreamResponse:
        return await _page(await flow.handle_callback(await to_bolt_request(request)))

    mount("GET", INSTALL_PATH, install)
    mount("GET", REDIRECT_PATH, come_back)


async def _page(response: BoltResponse) -> web.StreamResponse:
    page = await to_aiohttp_response(response)
    page.headers["Content-Security-Policy"] = PAGE_POLICY
    return page
