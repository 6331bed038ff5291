"""REST: the application itself, its commands, and the way to the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from tests.loopback.discord import payloads
from tests.loopback.discord.errors import ApiError, invalid
from tests.loopback.discord.rest import BODY, PREFIX

if TYPE_CHECKING:
    from tests.loopback.discord.model import Json, User
    from tests.loopback.discord.world import World

# "Limited" is what an application below the size of review has.
FLAG_MESSAGE_CONTENT = 1 << 19
FLAG_MEMBERS = 1 << 15
MOST_COMMANDS = 100


class Applications:
    """The handlers for what belongs to the application."""

    def __init__(self, world: World, *, owner: User, gateway_url: str) -> None:
        self._world = world
        self._owner = owner
        self._gateway_url = gateway_url
        self.upserts = 0
        """How often commands were written; a bot should not do so at every start."""

    def routes(self) -> list[web.RouteDef]:
        """Where the handlers are found."""
        application = f"{PREFIX}/applications/{{application_id}}"
        scopes = (f"{application}/commands", f"{application}/guilds/{{guild_id}}/commands")
        routes = [
            web.get(f"{PREFIX}/gateway", self.gateway),
            web.get(f"{PREFIX}/gateway/bot", self.gateway_bot),
            web.get(f"{PREFIX}/oauth2/applications/@me", self.me),
            web.get(f"{PREFIX}/applications/@me", self.me),
        ]
        for commands in scopes:
            routes += [
                web.get(commands, self.list),
                web.put(commands, self.replace),
                web.post(commands, self.create),
                web.get(f"{commands}/{{command_id}}", self.get),
                web.delete(f"{commands}/{{command_id}}", self.delete),
            ]
        return routes

    async def gateway(self, _: web.Request) -> web.Response:
        """Where the gateway is."""
        return web.json_response({"url": self._gateway_url})

    async def gateway_bot(self, _: web.Request) -> web.Response:
        """Where the gateway is, and how many sessions may begin."""
        limit = {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1}
        body = {"url": self._gateway_url, "shards": 1, "session_start_limit": limit}
        return web.json_response(body)

    async def me(self, _: web.Request) -> web.Response:
        """The application."""
        bot = self._world.bot
        return web.json_response(
            {
                "id": str(self._world.application_id),
                "name": bot.name,
                "icon": None,
                "description": "",
                "summary": "",
                "type": None,
                "bot": payloads.user(bot),
                "bot_public": True,
                "bot_require_code_grant": False,
                "verify_key": "0" * 64,
                "flags": self._world.application_flags,
                "flags_new": str(self._world.application_flags),
                "explicit_content_filter": 0,
                "eligible_oauth2_scopes": [],
                "approximate_user_install_count": 0,
                "approximate_user_authorization_count": 0,
                "role_connections_verification_url": None,
                "owner": payloads.user(self._owner),
                "team": None,
                "approximate_guild_count": len(self._world.guilds),
                "redirect_uris": [],
                "interactions_endpoint_url": None,
                "integration_types_config": {"0": {}},
            }
        )

    async def list(self, request: web.Request) -> web.Response:
        """The registered commands of a scope."""
        commands = self._world.commands.get(self._scope(request), [])
        if request.query.get("with_localizations", "").lower() not in ("1", "true"):
            commands = [_untranslated(command) for command in commands]
        return web.json_response(commands)

    async def replace(self, request: web.Request) -> web.Response:
        """Make the commands of a scope exactly these."""
        given: object = request[BODY]
        wanted = given if isinstance(given, list) else []
        if len(wanted) > MOST_COMMANDS:
            raise invalid("commands", "BASE_TYPE_MAX_LENGTH", f"at most {MOST_COMMANDS}")
        scope = self._scope(request)
        commands = [self._complete(command, scope) for command in wanted]
        self._world.commands[scope] = commands
        self._written()
        return web.json_response(commands)

    async def create(self, request: web.Request) -> web.Response:
        """Add a command, or replace the one of its name."""
        scope = self._scope(request)
        command = self._complete(request[BODY], scope)
        others = [c for c in self._world.commands.get(scope, []) if c["id"] != command["id"]]
        created = len(others) == len(self._world.commands.get(scope, []))
        self._world.commands[scope] = [*others, command]
        self._written()
        return web.json_response(command, status=201 if created else 200)

    async def get(self, request: web.Request) -> web.Response:
        """One command."""
        return web.json_response(self._command(request))

    async def delete(self, request: web.Request) -> web.Response:
        """Remove a command."""
        self._world.commands[self._scope(request)].remove(self._command(request))
        self._written()
        return web.Response(status=204)

    def _written(self) -> None:
        self.upserts += 1
        self._world.changes.announce()

    def _scope(self, request: web.Request) -> int:
        if int(request.match_info["application_id"]) != self._world.application_id:
            raise ApiError(50001)
        scope = int(request.match_info.get("guild_id", 0))
        if scope and scope not in self._world.guilds:
            raise ApiError(50001)
        return scope

    def _command(self, request: web.Request) -> Json:
        for command in self._world.commands.get(self._scope(request), []):
            if command["id"] == request.match_info["command_id"]:
                return command
        raise ApiError(10063)

    def _complete(self, given: Json, scope: int) -> Json:
        """A command as Discord gives it back, with an id that stays while its name does."""
        kind = given.get("type", 1)
        same = [
            c
            for c in self._world.commands.get(scope, [])
            if (c["name"], c["type"]) == (given["name"], kind)
        ]
        needed = given.get("default_member_permissions")
        command: Json = {
            "id": same[0]["id"] if same else str(self._world.ids.next()),
            "application_id": str(self._world.application_id),
            "version": str(self._world.ids.next()),
            "type": kind,
            "name": given["name"],
            "name_localizations": given.get("name_localizations"),
            "description": given.get("description") or "",
            "description_localizations": given.get("description_localizations"),
            "default_member_permissions": None if needed is None else str(needed),
            "dm_permission": given.get("dm_permission", True),
            "contexts": given.get("contexts"),
            "integration_types": given.get("integration_types") or [0],
            "nsfw": given.get("nsfw", False),
        }
        if given.get("options"):
            command["options"] = given["options"]
        return command | ({"guild_id": str(scope)} if scope else {})


def _untranslated(entry: Json) -> Json:
    """A command or option as Discord lists it to those who do not ask for translations."""
    left = {key: value for key, value in entry.items() if not key.endswith("_localizations")}
    for part in ("options", "choices"):
        if part in left:
            left[part] = [_untranslated(each) for each in left[part]]
    return left
