"""Files: where they are fetched from, and what the bot has sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aiohttp import web

from tests.loopback.discord.errors import ApiError
from tests.loopback.discord.rest import UPLOADS

if TYPE_CHECKING:
    from tests.loopback.discord.model import Attachment, Channel
    from tests.loopback.discord.world import World

ROUTE = "/attachments/{channel_id}/{attachment_id}/{name}"


class Files:
    """The content delivery network, on the same port as everything else."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.fetched: list[str] = []

    def routes(self) -> list[web.RouteDef]:
        """Where the handler is found."""
        return [web.get(ROUTE, self.fetch)]

    async def fetch(self, request: web.Request) -> web.Response:
        """One file."""
        found = self._world.files.get(int(request.match_info["attachment_id"]))
        if found is None:
            raise web.HTTPNotFound
        self.fetched.append(found.name)
        return web.Response(body=found.content, content_type="application/octet-stream")


def uploaded(world: World, channel: Channel, request: web.Request) -> Sequence[Attachment]:
    """The files that came with a request, as the attachments that they become."""
    if any(len(content) > world.largest_file for _, content in request[UPLOADS]):
        raise ApiError(40005)
    return [world.attach(channel, name, content) for name, content in request[UPLOADS]]
