"""Commands, buttons and modals: what a person begins and how the app answers."""

# ruff: noqa: ASYNC109 - tests say how long they are ready to wait

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from aiohttp import web

from tests.loopback.changes import PATIENCE
from tests.loopback.slack.dispatch import NotDelivered
from tests.loopback.slack.drafts import Draft, texts
from tests.loopback.slack.errors import ApiError

if TYPE_CHECKING:
    from tests.loopback.slack.model import Channel, Json, Message
    from tests.loopback.slack.people import Person
    from tests.loopback.slack.views import View
    from tests.loopback.slack.world import World

PATH = "/actions/{link}"
TRIGGER_SECONDS, LINK_SECONDS, LINK_USES = 3.0, 1800.0, 5


class InteractionFailedError(Exception):
    """What Slack's client would have told the person, or would not have let them do."""


class Teller(Protocol):
    """Brings something to the app and fetches the acknowledgement."""

    async def ask(self, kind: str, payload: Json) -> Json | None: ...


@dataclass(eq=False)
class Interaction:
    """One use of a command, button or form, and everything that came of it."""

    desk: Desk = field(repr=False)
    person: Person
    channel: Channel | None
    name: str
    source: Message | None = field(default=None, repr=False)
    trigger: str = ""
    link: str = ""
    began: float = 0.0
    exchanged: bool = False
    uses: int = 0
    acknowledgement: Json | None = None
    answers: list[Message] = field(default_factory=list)
    modal: View | None = None
    seen_before: int = 0

    @property
    def errors(self) -> dict[str, str]:
        """What the app finds wrong with a submitted form, by block."""
        ack = self.acknowledgement or {}
        return ack.get("errors", {}) if ack.get("response_action") == "errors" else {}

    async def answer(self, timeout: float = PATIENCE) -> Message:
        """The first message that came of it, by whatever way the bot chose."""
        return await self.desk.world.changes.until(self._first, timeout, lambda: repr(self))

    async def wait_modal(self, timeout: float = PATIENCE) -> View:
        """The form that the bot shows."""
        return await self.desk.world.changes.until(lambda: self.modal, timeout, lambda: repr(self))

    def _first(self) -> Message | None:
        of_others = self.desk.answers_but_of(self)
        fresh = [m for m in self.person.sees[self.seen_before :] if m not in of_others]
        return next(iter([*self.answers, *fresh]), None)


class Desk:
    """Where interactions are begun, and where the app comes back with triggers and links."""

    def __init__(self, world: World, teller: Teller, base_url: str) -> None:
        self.world = world
        self._teller = teller
        self._base_url = base_url
        self._triggers: dict[str, Interaction] = {}
        self._links: dict[str, Interaction] = {}
        world.desk = self

    def routes(self) -> list[web.RouteDef]:
        """For aiohttp."""
        return [web.post(PATH, self.respond)]

    async def begin(self, interaction: Interaction, kind: str, payload: Json) -> Interaction:
        """Tell the app, and see what its acknowledgement already answers."""
        world = self.world
        interaction.began = world.clock.now()
        interaction.seen_before = len(interaction.person.sees)
        interaction.trigger = f"{world.ids.next('1')}.{secrets.token_hex(4)}"
        interaction.link = secrets.token_hex(8)
        self._triggers[interaction.trigger] = self._links[interaction.link] = interaction
        payload |= {"trigger_id": interaction.trigger}
        if interaction.channel is not None:
            payload["response_url"] = f"{self._base_url}/actions/{interaction.link}"
        try:
            interaction.acknowledgement = await self._teller.ask(kind, payload)
        except NotDelivered as failure:
            raise InteractionFailedError(f"the app did not respond: {failure.reason}") from None
        return interaction

    def answers_but_of(self, interaction: Interaction) -> list[Message]:
        """What is known to have come of the other interactions."""
        others = (each for each in self._links.values() if each is not interaction)
        return [message for each in others for message in each.answers]

    def redeem(self, trigger: str) -> Interaction:
        """The interaction of a trigger, which can be used once and soon."""
        interaction = self._triggers.get(trigger)
        if interaction is None:
            raise ApiError("invalid_trigger_id")
        if interaction.exchanged:
            raise ApiError("exchanged_trigger_id")
        if self.world.clock.now() > interaction.began + TRIGGER_SECONDS:
            raise ApiError("expired_trigger_id")
        interaction.exchanged = True
        return interaction

    def say(self, interaction: Interaction, body: Json) -> None:
        """Answer with a message, for one person unless it says otherwise."""
        channel = interaction.channel
        if channel is None:
            raise ApiError("channel_not_found")
        blocks = body.get("blocks") or []
        public = body.get("response_type") == "in_channel"
        words = "\n".join(texts(blocks))
        text = body.get("text") or ""
        if not (text or blocks):
            raise ApiError("no_text")
        thread = channel.store.get(body.get("thread_ts") or "")
        draft = Draft(words or text, fallback=text if words else "", blocks=blocks, root=thread)
        draft.only_for = None if public else interaction.person.user
        message = self.world.post(channel, channel.workspace.bot, draft)
        interaction.answers.append(message)
        self.world.changes.announce()

    async def respond(self, request: web.Request) -> web.Response:
        """What the app posts to a response_url."""
        interaction = self._links.get(request.match_info["link"])
        if interaction is None:
            return _refusal("no_such_link")
        if self.world.clock.now() > interaction.began + LINK_SECONDS:
            return _refusal("expired_url")
        if interaction.uses >= LINK_USES:
            return _refusal("used_url")
        interaction.uses += 1
        try:
            self._obey(interaction, await request.json())
        except ApiError as error:
            return web.json_response(error.body(), status=500)
        return web.Response(text="ok")

    def _obey(self, interaction: Interaction, body: Json) -> None:
        source = interaction.source
        if source is not None and body.get("delete_original"):
            if source.ephemeral:
                source.deleted = True
                source.channel.ephemerals.remove(source)
                self.world.changes.announce()
            else:
                self.world.remove(source)
        elif source is not None and body.get("replace_original"):
            source.blocks = body.get("blocks", source.blocks)
            self.world.rewrite(source, body.get("text") or source.content)
        else:
            self.say(interaction, body)


def _refusal(error: str) -> web.Response:
    return web.json_response({"ok": False, "error": error}, status=404)
