"""How the app comes into workspaces and out of them: OAuth grants and revoked tokens."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.loopback.slack.drafts import Event
from tests.loopback.slack.errors import ApiError

if TYPE_CHECKING:
    from tests.loopback.slack.calls import Answers, Call
    from tests.loopback.slack.model import Json, User, Workspace
    from tests.loopback.slack.world import World


@dataclass(frozen=True)
class Grant:
    """What a person has allowed, waiting to be exchanged for a token."""

    by: User
    redirect_uri: str
    scopes: frozenset[str]


class Grants:
    """The authorisations that people have given, and the methods that turn them into tokens."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._grants: dict[str, Grant] = {}
        world.grants = self

    def methods(self) -> Answers:
        """Its methods by name."""
        return {"oauth.v2.access": self.exchange, "auth.revoke": self.revoke}

    def issue(self, by: User, query: dict[str, str], scopes: set[str]) -> str:
        """A code that can be exchanged once."""
        if query.get("client_id") != self._world.app.client_id:
            raise ApiError("invalid_client_id")
        code = secrets.token_hex(8)
        self._grants[code] = Grant(by, query.get("redirect_uri", ""), frozenset(scopes))
        return code

    def exchange(self, call: Call) -> Json:
        """A token for a code: the app is installed from here on."""
        app = self._world.app
        if call.args.get("client_id") != app.client_id:
            raise ApiError("invalid_client_id")
        if call.args.get("client_secret") != app.client_secret:
            raise ApiError("bad_client_secret")
        grant = self._grants.pop(call.args.get("code", ""), None)
        if grant is None:
            raise ApiError("invalid_code")
        if call.args.get("redirect_uri", grant.redirect_uri) != grant.redirect_uri:
            raise ApiError("bad_redirect_uri")
        return self._install(grant)

    def revoke(self, call: Call) -> Json:
        """The app gives back its own token."""
        workspace = call.workspace
        if call.flag("test"):
            return {"revoked": False}
        tokens = {"oauth": [], "bot": [workspace.bot.id]}
        body = {"type": "tokens_revoked", "tokens": tokens}
        self._world.tell(Event(workspace, "tokens_revoked", body))
        workspace.installed = False
        return {"revoked": True}

    def _install(self, grant: Grant) -> Json:
        workspace = grant.by.workspace
        workspace.bot_token = f"xoxb-{workspace.id}-{secrets.token_hex(4)}"
        workspace.installed, workspace.scopes = True, set(grant.scopes)
        self._world.changes.announce()
        return self._answer(workspace, grant.by)

    def _answer(self, workspace: Workspace, by: User) -> Json:
        enterprise = {"id": workspace.enterprise_id, "name": "Enterprise"}
        return {
            "app_id": self._world.app.id,
            "authed_user": {"id": by.id},
            "scope": ",".join(sorted(workspace.scopes)),
            "token_type": "bot",
            "access_token": workspace.bot_token,
            "bot_user_id": workspace.bot.id,
            "team": None if workspace.org_wide else {"id": workspace.id, "name": workspace.name},
            "enterprise": enterprise if workspace.enterprise_id else None,
            "is_enterprise_install": workspace.org_wide,
        }
