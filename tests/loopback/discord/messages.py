"""REST: messages, typing and reactions."""

from __future__ import annotations

import time
from collections.abc import Sequence
from itertools import count
from typing import TYPE_CHECKING

from aiohttp import web

from tests.loopback.discord import payloads
from tests.loopback.discord.drafts import Draft
from tests.loopback.discord.errors import ApiError, invalid
from tests.loopback.discord.files import uploaded
from tests.loopback.discord.mentions import Allowed
from tests.loopback.discord.model import EPHEMERAL, THREADS, Attachment, Channel, Json, Message
from tests.loopback.discord.permissions import (
    ADD_REACTIONS,
    MANAGE_MESSAGES,
    READ_HISTORY,
    SEND,
    SEND_IN_THREADS,
    VIEW,
    in_channel,
)
from tests.loopback.discord.rest import BODY, PREFIX

if TYPE_CHECKING:
    from tests.loopback.discord.world import World

LONGEST = 2000
KEPT_FLAGS = EPHEMERAL | 1 << 2 | 1 << 12 | 1 << 15


class Messages:
    """The handlers; what a bot may not do is refused with Discord's own codes."""

    def __init__(self, world: World, *, reads_content: bool) -> None:
        self._world = world
        self._reads_content = reads_content

    def routes(self) -> list[web.RouteDef]:
        """Where the handlers are found."""
        many = f"{PREFIX}/channels/{{channel_id}}/messages"
        one = f"{many}/{{message_id}}"
        reaction = f"{one}/reactions/{{emoji}}/@me"
        return [
            web.post(many, self.create),
            web.get(many, self.list),
            web.get(one, self.get),
            web.patch(one, self.edit),
            web.delete(one, self.delete),
            web.put(reaction, self.react),
            web.delete(reaction, self.unreact),
            web.post(f"{PREFIX}/channels/{{channel_id}}/typing", self.type),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """Send a message, once for each nonce."""
        channel = self.channel(request)
        self._may_send(channel)
        body = request[BODY]
        earlier = _with_nonce(channel, body, self._world.nonce_memory)
        if earlier is not None:
            return self.show(earlier)
        draft = draft_of(body, uploaded(self._world, channel, request))
        self._refer(channel, body, draft)
        return self.show(self._world.post(channel, self._world.bot, draft))

    async def edit(self, request: web.Request) -> web.Response:
        """Change an own message."""
        message = self._message(request)
        if message.author is not self._world.bot:
            raise ApiError(50005)
        if message.fixed:
            raise ApiError(int(message.fixed))
        files = uploaded(self._world, message.channel, request)
        apply(self._world, message, request[BODY], files)
        return self.show(message)

    async def get(self, request: web.Request) -> web.Response:
        """One message."""
        message = self._message(request)
        if not self._may(message.channel) & READ_HISTORY:
            raise ApiError(50013)
        return self.show(message)

    async def list(self, request: web.Request) -> web.Response:
        """A piece of a channel's history, newest first."""
        channel = self.channel(request)
        limit = int(request.query.get("limit", 50))
        if not 1 <= limit <= 100:
            raise invalid("limit", "NUMBER_TYPE_MAX", "int value should be between 1 and 100.")
        found = channel.messages if self._may(channel) & READ_HISTORY else []
        found = _piece(found, dict(request.query), limit)
        return web.json_response([self._payload(message) for message in reversed(found)])

    async def delete(self, request: web.Request) -> web.Response:
        """Delete an own message, or anybody's where the bot may."""
        message = self._message(request)
        own = message.author is self._world.bot and not message.lasting
        if not own and not self._may(message.channel) & MANAGE_MESSAGES:
            raise ApiError(50013)
        self._world.remove(message)
        return web.Response(status=204)

    async def react(self, request: web.Request) -> web.Response:
        """Put the bot's reaction under a message."""
        message = self._message(request)
        if not self._may(message.channel) & ADD_REACTIONS:
            raise ApiError(50013)
        message.reactions.append(request.match_info["emoji"])
        self._world.changes.announce()
        return web.Response(status=204)

    async def unreact(self, request: web.Request) -> web.Response:
        """Take the bot's reaction back."""
        message = self._message(request)
        if request.match_info["emoji"] in message.reactions:
            message.reactions.remove(request.match_info["emoji"])
        self._world.changes.announce()
        return web.Response(status=204)

    async def type(self, request: web.Request) -> web.Response:
        """Show that the bot is writing."""
        channel = self.channel(request)
        self._may_send(channel)
        self._world.types(channel, self._world.bot)
        return web.Response(status=204)

    def channel(self, request: web.Request) -> Channel:
        """The channel of a request, if the bot can see it."""
        channel = self._world.channels.get(int(request.match_info["channel_id"]))
        if channel is None:
            raise ApiError(10003)
        if not self._may(channel) & VIEW:
            raise ApiError(50001)
        return channel

    def show(self, message: Message) -> web.Response:
        """A message as an answer."""
        return web.json_response(self._payload(message))

    def _payload(self, message: Message) -> Json:
        return payloads.message(message, reader=self._world.bot, content=self._reads_content)

    def _message(self, request: web.Request) -> Message:
        message = self.channel(request).store.get(int(request.match_info["message_id"]))
        if message is None:
            raise ApiError(10008)
        return message

    def _may(self, channel: Channel) -> int:
        return in_channel(channel, self._world.bot)

    def _may_send(self, channel: Channel) -> None:
        if channel.guild is None and not all(person.takes_dms for person in channel.recipients):
            raise ApiError(50007)
        needed = SEND_IN_THREADS if channel.kind in THREADS else SEND
        if not self._may(channel) & needed:
            raise ApiError(50013)

    def _refer(self, channel: Channel, body: Json, draft: Draft) -> None:
        reference = body.get("message_reference")
        if not reference:
            return
        if not self._may(channel) & READ_HISTORY:
            raise ApiError(160002)
        found = channel.store.get(int(reference["message_id"]))
        if found is None and reference.get("fail_if_not_exists", True):
            raise invalid("message_reference", "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
        if found is not None:
            draft.reference, draft.reference_id = found, found.id


def draft_of(body: Json, files: Sequence[Attachment] = ()) -> Draft:
    """The message that a request wants to send."""
    content = checked(body.get("content") or "")
    draft = Draft(
        content,
        nonce=body.get("nonce"),
        flags=(body.get("flags") or 0) & KEPT_FLAGS,
        embeds=body.get("embeds") or [],
        components=numbered(body.get("components") or []),
        attachments=[*files],
        allowed=Allowed(body.get("allowed_mentions")),
    )
    if not (content or draft.embeds or draft.components or files):
        raise ApiError(50006)
    return draft


def apply(world: World, message: Message, body: Json, files: Sequence[Attachment] = ()) -> None:
    """Change a message as a request says; what it leaves out stays."""
    content = message.content if "content" not in body else checked(body["content"] or "")
    embeds = body.get("embeds", message.embeds) or []
    components = body.get("components", message.components) or []
    if "attachments" in body:
        kept = {str(one["id"]) for one in body["attachments"] or ()}
        message.attachments = [one for one in message.attachments if str(one.id) in kept]
    message.attachments += files
    if not (content or embeds or components or message.attachments):
        raise ApiError(50006)
    message.embeds, message.components = embeds, numbered(components)
    world.rewrite(message, content, Allowed(body.get("allowed_mentions")))


def numbered(components: list[Json]) -> list[Json]:
    """Components with ids, which Discord gives to those that have none."""
    ids = count(1)

    def number(item: Json) -> Json:
        numbered_item: Json = {"id": next(ids)} | item
        if emoji := item.get("emoji"):
            # Discord's own emoji have no id, and Discord does not speak of it.
            numbered_item["emoji"] = {key: value for key, value in emoji.items() if value}
        if "components" in item:
            numbered_item["components"] = [number(inner) for inner in item["components"]]
        return numbered_item

    return [number(item) for item in components]


def checked(content: str) -> str:
    """The content, trimmed as Discord does it, unless it is too long."""
    if len(content) > LONGEST:
        words = f"Must be {LONGEST} or fewer in length."
        raise invalid("content", "BASE_TYPE_MAX_LENGTH", words)
    return content.strip()


def _with_nonce(channel: Channel, body: Json, memory: float) -> Message | None:
    nonce = body.get("nonce")
    if nonce is None or not body.get("enforce_nonce"):
        return None
    since = time.monotonic() - memory
    recent = (message for message in channel.from_bot if message.timeline[0].at >= since)
    return next((message for message in recent if message.nonce == nonce), None)


def _piece(messages: list[Message], query: dict[str, str], limit: int) -> list[Message]:
    if "after" in query:
        return [m for m in messages if m.id > int(query["after"])][:limit]
    if "before" in query:
        return [m for m in messages if m.id < int(query["before"])][-limit:]
    if "around" in query:
        nearest = sorted(messages, key=lambda m: abs(m.id - int(query["around"])))[:limit]
        return sorted(nearest, key=lambda m: m.id)
    return messages[-limit:]
