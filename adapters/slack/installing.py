"""Who may install the app, and the pages of an installation for those who may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.response import BoltResponse

from adapters.slack.failures import translated
from bot.errors import PlatformError, Refused

if TYPE_CHECKING:
    from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
    from slack_bolt.request.async_request import AsyncBoltRequest
    from slack_sdk.oauth.installation_store import Installation
    from slack_sdk.web.async_client import AsyncWebClient

log = structlog.get_logger(__name__)

FORBIDDEN = 403
PLAIN = "text/plain; charset=utf-8"
NOT_ADMITTED = (
    "{name} may not install this app: whoever runs it has named the workspaces that may. They can "
    "add {id} to `workspaces` in section [slack] of its configuration. Nothing was kept."
)


@dataclass(frozen=True, slots=True)
class Admitted:
    """The workspaces that may install the app, by their ids or their organisation's.

    Without any id, all may.
    """

    ids: frozenset[str] = frozenset()

    def holds(self, enterprise: str | None, team: str | None) -> bool:
        """Whether this one may."""
        return not self.ids or not self.ids.isdisjoint({enterprise, team})


EVERYBODY = Admitted()


class Installing(AsyncOAuthFlow):
    """Bolt's pages; who may not install the app is told so, and the token given back."""

    def __init__(
        self, client: AsyncWebClient, settings: AsyncOAuthSettings, admitted: Admitted
    ) -> None:
        super().__init__(client=client, settings=settings)
        self._admitted = admitted

    async def handle_callback(self, request: AsyncBoltRequest) -> BoltResponse:
        """The page to which Slack leads back."""
        try:
            return await super().handle_callback(request)
        except Refused as refusal:
            headers: dict[str, str | Sequence[str]] = {
                "Content-Type": PLAIN,
                "Set-Cookie": self.settings.state_utils.build_set_cookie_for_deletion(),
            }
            return BoltResponse(status=FORBIDDEN, body=refusal.notice, headers=headers)

    async def store_installation(
        self, request: AsyncBoltRequest, installation: Installation
    ) -> None:
        """Keep the token. Refused for a workspace that may not install the app."""
        enterprise, team = installation.enterprise_id, installation.team_id
        if self._admitted.holds(enterprise, team):
            await super().store_installation(request, installation)
            return
        log.warning("slack.installation_refused", enterprise=enterprise, workspace=team)
        await self._give_back(installation)
        name = installation.team_name or installation.enterprise_name or "This workspace"
        raise Refused(notice=NOT_ADMITTED.format(name=name, id=team or enterprise))

    async def _give_back(self, installation: Installation) -> None:
        try:
            with translated("auth.revoke"):
                await self.client.auth_revoke(token=installation.bot_token)
        except PlatformError as error:
            log.warning("slack.token_not_given_back", reason=str(error))
