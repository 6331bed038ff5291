"""The workspaces that the bot is installed in: one by its token, or many by OAuth.

Both remember what they found, so that an event costs neither a look-up nor an `auth.test`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.authorization.async_authorize import AsyncAuthorize

from adapters.slack.failures import REVOKED, Refusal, translated
from adapters.slack.installing import EVERYBODY, Admitted
from adapters.slack.places import ids_of, workspace_key
from adapters.slack.recent import Recent

if TYPE_CHECKING:
    from slack_bolt.context.async_context import AsyncBoltContext
    from slack_sdk.oauth.installation_store import Bot
    from slack_sdk.oauth.installation_store.async_installation_store import AsyncInstallationStore
    from slack_sdk.web.async_client import AsyncWebClient

log = structlog.get_logger(__name__)

REMEMBERED = 600.0
"""Seconds after which an installation is looked up again."""
MOST_REMEMBERED = 10_000

Connect = Callable[[str], "AsyncWebClient"]
"""A client for a token."""


@dataclass(frozen=True, slots=True)
class Workspace:
    """One workspace, and the bot as it is known there."""

    key: str
    team: str
    bot_user: str
    bot_id: str
    bot_name: str
    client: AsyncWebClient = field(repr=False, compare=False)
    name: str = ""


class Workspaces(Protocol):
    """Finds workspaces by what an event or a Place says of them."""

    async def find(self, enterprise: str | None, team: str | None) -> Workspace | None:
        """The workspace; None if the bot is not installed there. PlatformError."""

    async def remove(self, enterprise: str | None, team: str | None, *, whole: bool) -> None:
        """The bot was uninstalled, or (not `whole`) its token was revoked."""


async def find_by_key(workspaces: Workspaces, key: str) -> Workspace:
    """The workspace of a Place. Undeliverable if the bot is not installed there any more."""
    found = await workspaces.find(*ids_of(key))
    if found is None:
        raise Refusal(f"workspace {key}: the bot is not installed there", "not_installed")
    return found


class OneWorkspace:
    """The workspace of one bot token; with a token of a whole organisation, all of its."""

    def __init__(self, client: AsyncWebClient) -> None:
        self.client = client
        self._own: Workspace | None = None
        self._enterprise: str | None = None
        self._organisation = False

    async def start(self) -> Workspace:
        """Ask Slack who we are."""
        with translated("auth.test"):
            said: Any = await self.client.auth_test()
        self._enterprise = said.get("enterprise_id")
        self._organisation = bool(said.get("is_enterprise_install"))
        self._own = _workspace(said, self.client, self._enterprise, said.get("team_id"))
        return self._own

    async def find(self, enterprise: str | None, team: str | None) -> Workspace | None:
        """Ours, whatever it is asked for, unless it is another team."""
        own = self._own
        if own is None or team in {None, own.team}:
            return own
        ours = not (enterprise and self._enterprise) or enterprise == self._enterprise
        if not self._organisation or not ours:
            return None
        key = workspace_key(self._enterprise or enterprise, team)
        return replace(own, key=key, team=team)

    async def remove(self, enterprise: str | None, team: str | None, *, whole: bool) -> None:
        """Nothing is kept that could be removed."""
        if await self.find(enterprise, team):
            log.error("slack.token_revoked", workspace=team, uninstalled=whole)


class InstalledWorkspaces:
    """The workspaces that an installation store knows, as far as they are `admitted` still."""

    def __init__(
        self,
        store: AsyncInstallationStore,
        connect: Connect,
        admitted: Admitted = EVERYBODY,
    ) -> None:
        self._store = store
        self._connect = connect
        self._admitted = admitted
        self._known: Recent[str, Workspace] = Recent(MOST_REMEMBERED, REMEMBERED)
        self._one_at_a_time = asyncio.Lock()

    async def find(self, enterprise: str | None, team: str | None) -> Workspace | None:
        """From memory, else from the store and Slack."""
        key = workspace_key(enterprise, team)
        if known := self._known.get(key):
            return known
        async with self._one_at_a_time:
            if known := self._known.get(key):
                return known
            found = await self._look_up(enterprise, team)
            if found:
                self._known.put(key, found)
            return found

    async def remove(self, enterprise: str | None, team: str | None, *, whole: bool) -> None:
        """Delete the installation, and forget what hangs on it."""
        bot = await self._installed(enterprise, team)
        teams = [team]
        if enterprise and (bot is None or bot.is_enterprise_install):
            # Slack names a team even where its organisation has the installation.
            teams = [None] if bot else [team, None]
        delete = self._store.async_delete_all if whole else self._store.async_delete_bot
        for each in teams:
            await delete(enterprise_id=enterprise, team_id=each)
        self._known = Recent(MOST_REMEMBERED, REMEMBERED)
        log.info("slack.uninstalled", workspace=workspace_key(enterprise, team))

    async def _look_up(self, enterprise: str | None, team: str | None) -> Workspace | None:
        bot = await self._installed(enterprise, team)
        if bot is None or not bot.bot_token:
            return None
        if not self._admitted.holds(bot.enterprise_id or enterprise, team):
            log.info("slack.not_admitted", workspace=workspace_key(enterprise, team))
            return None
        client = self._connect(bot.bot_token)
        try:
            with translated("auth.test"):
                said: Any = await client.auth_test()
        except Refusal as error:
            if error.code not in REVOKED:
                raise
            log.warning("slack.installation_revoked", workspace=team, reason=error.code)
            return None
        return _workspace(said, client, bot.enterprise_id or enterprise, team or bot.team_id)

    async def _installed(self, enterprise: str | None, team: str | None) -> Bot | None:
        """The team's own installation, else that of its organisation."""
        if team:
            found = await self._store.async_find_bot(enterprise_id=enterprise, team_id=team)
            if found:
                return found
        if not enterprise:
            return None
        return await self._store.async_find_bot(
            enterprise_id=enterprise, team_id=None, is_enterprise_install=True
        )


class Authorize(AsyncAuthorize):
    """Answers bolt's question who we are in the workspace of a request."""

    def __init__(self, workspaces: Workspaces) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._workspaces = workspaces

    async def __call__(
        self,
        *,
        context: AsyncBoltContext,
        enterprise_id: str | None,
        team_id: str | None,
        user_id: str | None,
        actor_enterprise_id: str | None = None,
        actor_team_id: str | None = None,
        actor_user_id: str | None = None,
    ) -> AuthorizeResult | None:
        """None where the bot is not installed; bolt then tells the person, and Slack 200."""
        del context, actor_enterprise_id, actor_team_id, actor_user_id
        found = await self._workspaces.find(enterprise_id, team_id)
        if found is None:
            return None
        return AuthorizeResult(
            enterprise_id=enterprise_id,
            team_id=team_id,
            bot_user_id=found.bot_user,
            bot_id=found.bot_id,
            bot_token=found.client.token,
            user_id=user_id,
        )


def _workspace(
    said: Any, client: AsyncWebClient, enterprise: str | None, team: str | None
) -> Workspace:
    return Workspace(
        key=workspace_key(enterprise, team),
        team=team or "",
        bot_user=said.get("user_id") or "",
        bot_id=said.get("bot_id") or "",
        bot_name=said.get("user") or "Quipu",
        client=client,
        name=said.get("team") or "",
    )
