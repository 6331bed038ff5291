"""REST: users, guilds, channels, threads and DMs."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from aiohttp import web

from tests.loopback.discord import payloads
from tests.loopback.discord.errors import ApiError
from tests.loopback.discord.model import TEXT, THREADS, Channel, Guild
from tests.loopback.discord.permissions import CREATE_THREADS, in_channel
from tests.loopback.discord.rest import BODY, PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.loopback.discord.messages import Messages
    from tests.loopback.discord.world import World

T = TypeVar("T")


class Places:
    """The handlers for everything that messages are said in and by."""

    def __init__(self, world: World, messages: Messages) -> None:
        self._world = world
        self._messages = messages

    def routes(self) -> list[web.RouteDef]:
        """Where the handlers are found."""
        channel = f"{PREFIX}/channels/{{channel_id}}"
        guild = f"{PREFIX}/guilds/{{guild_id}}"
        return [
            web.get(f"{PREFIX}/users/@me", self.me),
            web.get(f"{PREFIX}/users/@me/guilds", self.my_guilds),
            web.post(f"{PREFIX}/users/@me/channels", self.open_dm),
            web.get(f"{PREFIX}/users/{{user_id}}", self.user),
            web.get(guild, self.guild),
            web.get(f"{guild}/channels", self.guild_channels),
            web.get(f"{guild}/roles", self.roles),
            web.get(f"{guild}/threads/active", self.active_threads),
            web.get(f"{guild}/members/{{user_id}}", self.member),
            web.get(channel, self.channel),
            web.post(f"{channel}/threads", self.start_thread),
            web.post(f"{channel}/messages/{{message_id}}/threads", self.start_thread_at),
            web.put(f"{channel}/thread-members/@me", self.join_thread),
        ]

    async def me(self, _: web.Request) -> web.Response:
        """The bot's own account."""
        own = {"locale": "en-US", "mfa_enabled": False, "verified": True, "email": None}
        return web.json_response(payloads.user(self._world.bot) | own)

    async def my_guilds(self, _: web.Request) -> web.Response:
        """The guilds that the bot is in, in short."""
        short = ("id", "name", "icon", "banner", "features")
        guilds = [payloads.guild(guild) for guild in self._world.guilds.values()]
        more = {"owner": False, "permissions": "0"}
        return web.json_response([{k: guild[k] for k in short} | more for guild in guilds])

    async def open_dm(self, request: web.Request) -> web.Response:
        """The DM with a person."""
        user = _known(self._world.users, request[BODY]["recipient_id"], 10013)
        return web.json_response(payloads.channel(self._world.direct(user)))

    async def user(self, request: web.Request) -> web.Response:
        """Anybody's account."""
        user = _known(self._world.users, request.match_info["user_id"], 10013)
        return web.json_response(payloads.user(user))

    async def guild(self, request: web.Request) -> web.Response:
        """A guild."""
        return web.json_response(payloads.guild_by_rest(self._guild(request)))

    async def guild_channels(self, request: web.Request) -> web.Response:
        """The channels of a guild, without threads."""
        channels = [item for item in self._guild(request).channels if item.kind == TEXT]
        return web.json_response([payloads.channel(item) for item in channels])

    async def roles(self, request: web.Request) -> web.Response:
        """The roles of a guild."""
        return web.json_response(payloads.guild(self._guild(request))["roles"])

    async def active_threads(self, request: web.Request) -> web.Response:
        """The threads of a guild that the bot can see."""
        channels = self._guild(request).channels
        threads = [item for item in channels if item.kind in THREADS and not item.archived]
        seen = [payloads.channel(item) for item in threads if self._world.sees(item)]
        return web.json_response({"threads": seen, "members": []})

    async def member(self, request: web.Request) -> web.Response:
        """One member of a guild."""
        member = _known(self._guild(request).members, request.match_info["user_id"], 10007)
        return web.json_response(payloads.member(member))

    async def channel(self, request: web.Request) -> web.Response:
        """A channel, thread or DM."""
        return web.json_response(payloads.channel(self._messages.channel(request)))

    async def start_thread(self, request: web.Request) -> web.Response:
        """A thread that hangs on no message."""
        thread = self._start(self._parent(request), request[BODY]["name"])
        return web.json_response(payloads.channel(thread), status=201)

    async def start_thread_at(self, request: web.Request) -> web.Response:
        """A thread that hangs on a message."""
        parent = self._parent(request)
        message = _known(parent.store, request.match_info["message_id"], 10008)
        if message.id in self._world.channels:
            raise ApiError(160004)
        thread = self._start(parent, request[BODY]["name"], thread_id=message.id)
        return web.json_response(payloads.channel(thread), status=201)

    async def join_thread(self, request: web.Request) -> web.Response:
        """The bot becomes a member of a thread."""
        self._messages.channel(request)
        return web.Response(status=204)

    def _parent(self, request: web.Request) -> Channel:
        parent = self._messages.channel(request)
        if parent.kind != TEXT:
            raise ApiError(50024)
        if not in_channel(parent, self._world.bot) & CREATE_THREADS:
            raise ApiError(50013)
        return parent

    def _start(self, parent: Channel, name: str, *, thread_id: int | None = None) -> Channel:
        return self._world.create_thread(parent, name, self._world.bot, thread_id=thread_id)

    def _guild(self, request: web.Request) -> Guild:
        return _known(self._world.guilds, request.match_info["guild_id"], 10004)


def _known(things: Mapping[int, T], snowflake: str, code: int) -> T:
    found = things.get(int(snowflake))
    if found is None:
        raise ApiError(code)
    return found
