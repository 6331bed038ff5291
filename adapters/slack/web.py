"""Slack's requests over HTTP: events, commands and windows, and the pages of an installation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings

from adapters.slack.manifest import EVENTS_PATH, INSTALL_PATH, REDIRECT_PATH, SCOPES

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
    from slack_sdk.oauth.state_store.async_state_store import AsyncOAuthStateStore
    from slack_sdk.web.async_client import AsyncWebClient

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Mount = Callable[[str, str, Handler], None]

AGAIN_LATER = 503


@dataclass(frozen=True, slots=True)
class OAuth:
    """What lets workspaces install the app. `public_url` leads a browser to this server."""

    client_id: str
    client_secret: str = field(repr=False)
    installations: AsyncInstallationStore
    states: AsyncOAuthStateStore
    public_url: str

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
        return AsyncOAuthFlow(client=client, settings=settings)


def mount_events(mount: Mount, app: AsyncApp, listening: Callable[[], bool]) -> None:
    """Take what Slack sends; while not `listening` it is asked to send it again."""

    async def dispatch(request: web.Request) -> web.StreamResponse:
        if not listening():
            return web.Response(status=AGAIN_LATER)
        return await to_aiohttp_response(await app.async_dispatch(await to_bolt_request(request)))

    mount("POST", EVENTS_PATH, dispatch)


def mount_installation(mount: Mount, flow: AsyncOAuthFlow) -> None:
    """Serve the page that sends an admin to Slack, and the one they come back to."""

    async def install(request: web.Request) -> web.StreamResponse:
        response = await flow.handle_installation(await to_bolt_request(request))
        return await to_aiohttp_response(response)

    async def come_back(request: web.Request) -> web.StreamResponse:
        response = await flow.handle_callback(await to_bolt_request(request))
        return await to_aiohttp_response(response)

    mount("GET", INSTALL_PATH, install)
    mount("GET", REDIRECT_PATH, come_back)
