"""REST: a bot's answers to interactions, first and later ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aiohttp import web

from tests.loopback.discord import payloads
from tests.loopback.discord.drafts import Draft
from tests.loopback.discord.errors import ApiError, invalid
from tests.loopback.discord.files import uploaded
from tests.loopback.discord.messages import apply, draft_of
from tests.loopback.discord.model import EPHEMERAL, LOADING, Attachment, Json, Message
from tests.loopback.discord.rest import BODY, PREFIX

if TYPE_CHECKING:
    from tests.loopback.discord.interactions import Interaction
    from tests.loopback.discord.world import World

REPLY, THINK, DEFER_UPDATE, UPDATE, CHOICES, SHOW_MODAL = 4, 5, 6, 7, 8, 9
MODAL_SUBMIT = 5


class Callbacks:
    """The handlers; whoever knows an interaction's token may answer it."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """Where the handlers are found."""
        hook = f"{PREFIX}/webhooks/{{webhook_id}}/{{webhook_token}}"
        one = f"{hook}/messages/{{message_id}}"
        path = f"{PREFIX}/interactions/{{interaction_id}}/{{interaction_token}}/callback"
        return [
            web.post(path, self.respond),
            web.post(hook, self.follow_up),
            web.get(one, self.get),
            web.patch(one, self.edit),
            web.delete(one, self.delete),
        ]

    async def respond(self, request: web.Request) -> web.Response:
        """The first answer, within three seconds."""
        interaction = self._world.interactions.get(request.match_info["interaction_token"])
        if interaction is None or interaction.expired:
            raise ApiError(10062)
        if interaction.acknowledged is not None:
            raise ApiError(40060)
        kind, data = request[BODY]["type"], request[BODY].get("data") or {}
        self._first(interaction, kind, data, uploaded(self._world, interaction.channel, request))
        interaction.acknowledged = kind
        self._world.changes.announce()
        if request.query.get("with_response", "").lower() not in ("1", "true"):
            return web.Response(status=204)
        return web.json_response(self._receipt(interaction, kind))

    async def follow_up(self, request: web.Request) -> web.Response:
        """A further message; the first one after "is thinking" takes its place."""
        interaction = self._interaction(request)
        if interaction.acknowledged is None:
            raise ApiError(10015)
        waiting = interaction.response
        if waiting is not None and waiting.flags & LOADING:
            return self._show(self._fill(waiting, request))
        draft = draft_of(request[BODY], uploaded(self._world, interaction.channel, request))
        draft.interaction = interaction.metadata()
        message = self._world.post(interaction.channel, self._world.bot, draft)
        interaction.followups.append(message)
        self._world.changes.announce()
        return self._show(message)

    async def get(self, request: web.Request) -> web.Response:
        """One of the messages."""
        return self._show(self._message(request))

    async def edit(self, request: web.Request) -> web.Response:
        """Change one of the messages."""
        message = self._message(request)
        if message.flags & LOADING:
            return self._show(self._fill(message, request))
        files = uploaded(self._world, message.channel, request)
        apply(self._world, message, request[BODY], files)
        return self._show(message)

    async def delete(self, request: web.Request) -> web.Response:
        """Take one of the messages away."""
        self._world.remove(self._message(request))
        return web.Response(status=204)

    def _first(
        self, interaction: Interaction, kind: int, data: Json, files: Sequence[Attachment]
    ) -> None:
        if kind == REPLY:
            self._reply(interaction, draft_of(data, files))
        elif kind == THINK:
            ephemeral = (data.get("flags") or 0) & EPHEMERAL
            self._reply(interaction, Draft("", flags=LOADING | ephemeral))
        elif kind == UPDATE and interaction.source is not None:
            apply(self._world, interaction.source, data, files)
            interaction.response = interaction.source
        elif kind == CHOICES:
            interaction.choices = data["choices"]
        elif kind == SHOW_MODAL and interaction.kind != MODAL_SUBMIT:
            interaction.modal = data
        elif kind == DEFER_UPDATE and interaction.source is not None:
            interaction.response = interaction.source
        else:
            raise invalid("type", "UNION_TYPE_CHOICES", f"{kind} does not answer this interaction")

    def _reply(self, interaction: Interaction, draft: Draft) -> None:
        draft.interaction = interaction.metadata()
        interaction.response = self._world.post(interaction.channel, self._world.bot, draft)

    def _fill(self, message: Message, request: web.Request) -> Message:
        """Put the answer where "is thinking" stood; it stays as private as that was."""
        body, files = request[BODY], uploaded(self._world, message.channel, request)
        draft = draft_of(body, files)
        message.flags = message.flags & EPHEMERAL
        apply(self._world, message, body | {"content": draft.content}, files)
        return message

    def _receipt(self, interaction: Interaction, kind: int) -> Json:
        receipt: Json = {"id": str(interaction.id), "type": interaction.kind}
        body: Json = {"interaction": receipt}
        if interaction.response is not None and kind != DEFER_UPDATE:
            message = interaction.response
            receipt |= {
                "response_message_id": str(message.id),
                "response_message_loading": bool(message.flags & LOADING),
                "response_message_ephemeral": message.ephemeral,
            }
            if kind != THINK:
                body["resource"] = {"type": kind, "message": self._payload(message)}
        return body

    def _interaction(self, request: web.Request) -> Interaction:
        interaction = self._world.interactions.get(request.match_info["webhook_token"])
        if interaction is None:
            raise ApiError(10015)
        return interaction

    def _message(self, request: web.Request) -> Message:
        interaction, wanted = self._interaction(request), request.match_info["message_id"]
        known = [interaction.response, *interaction.followups]
        for message in known if wanted != "@original" else known[:1]:
            named = message is not None and wanted in ("@original", str(message.id))
            if message is not None and named and not message.deleted:
                return message
        raise ApiError(10008)

    def _payload(self, message: Message) -> Json:
        return payloads.message(message, reader=self._world.bot)

    def _show(self, message: Message) -> web.Response:
        return web.json_response(self._payload(message))
