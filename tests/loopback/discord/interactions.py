"""One use of a command, button or modal, from the person's click to what the bot showed for it."""

# ruff: noqa: ASYNC109 - tests say how long they are ready to wait

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.loopback.changes import PATIENCE
from tests.loopback.discord import payloads
from tests.loopback.discord.model import LOADING, Json
from tests.loopback.discord.permissions import in_channel

if TYPE_CHECKING:
    from tests.loopback.discord.model import Channel, Message, User
    from tests.loopback.discord.world import World

SELECT, TEXT_INPUT = 3, 4
COMMAND, COMPONENT, AUTOCOMPLETE, MODAL = 2, 3, 4, 5


class InteractionFailedError(Exception):
    """What Discord shows as "The application did not respond", or never lets a person do."""


@dataclass(eq=False)
class Interaction:
    """What a person did, and what came of it."""

    world: World = field(repr=False)
    kind: int
    person: User
    channel: Channel
    data: Json
    id: int = 0
    token: str = field(default_factory=lambda: secrets.token_urlsafe(64))
    name: str = ""
    opened: float = field(default_factory=time.monotonic)
    acknowledged: int | None = None
    modal: Json | None = None
    choices: list[Json] | None = None
    response: Message | None = None
    followups: list[Message] = field(default_factory=list)
    source: Message | None = None
    locale: str = "en-GB"

    @property
    def expired(self) -> bool:
        """Whether the first answer comes too late."""
        return time.monotonic() - self.opened > self.world.patience

    async def wait_acknowledged(self) -> Interaction:
        """Until the bot has given a first answer; as long as Discord waits for it."""
        try:
            await self.world.changes.until(
                lambda: self.acknowledged is not None, self.world.patience, lambda: repr(self)
            )
        except TimeoutError:
            raise InteractionFailedError("The application did not respond") from None
        return self

    async def answer(self, timeout: float = PATIENCE) -> Message:
        """The bot's message, once it has more to say than "is thinking"."""

        def ready() -> Message | None:
            if self.response is None or self.response.flags & LOADING:
                return None
            return self.response

        return await self.world.changes.until(ready, timeout, lambda: repr(self))

    def begin(self) -> None:
        """Tell the bot."""
        self.id = self.world.ids.next()
        self.world.interactions[self.token] = self
        payload = self.payload()
        self.world.emit("INTERACTION_CREATE", 0, lambda _: payload)

    def metadata(self) -> Json:
        """What a message says about the interaction that it answers."""
        return {
            "id": str(self.id),
            "type": self.kind,
            "user": payloads.user(self.person),
            "authorizing_integration_owners": self._owners(),
        } | self._origin()

    def _origin(self) -> Json:
        if self.kind == COMPONENT:  # a forged one has no message
            return {"interacted_message_id": str(self.source.id if self.source else self.id)}
        if self.kind == MODAL:
            inner = {"id": str(self.id), "type": COMMAND, "user": payloads.user(self.person)}
            owners = {"authorizing_integration_owners": self._owners()}
            return {"triggering_interaction_metadata": inner | owners}
        return {}

    def payload(self) -> Json:
        """The gateway's INTERACTION_CREATE."""
        granted = str(in_channel(self.channel, self.person))
        payload: Json = {
            "id": str(self.id),
            "application_id": str(self.world.application_id),
            "type": self.kind,
            "token": self.token,
            "version": 1,
            "data": self.data,
            "channel_id": str(self.channel.id),
            "channel": payloads.channel(self.channel) | {"permissions": granted},
            "app_permissions": str(in_channel(self.channel, self.world.bot)),
            "locale": self.locale,
            "entitlements": [],
            "authorizing_integration_owners": self._owners(),
            "context": 0 if self.channel.guild else 1,
            "attachment_size_limit": self.world.largest_file,
        }
        return payload | self._person(granted) | self._source()

    def _owners(self) -> dict[str, str]:
        return {"0": str(self.channel.guild.id) if self.channel.guild else "0"}

    def _person(self, granted: str) -> Json:
        guild = self.channel.guild
        if guild is None:
            return {"user": payloads.user(self.person)}
        member = payloads.member(guild.members[self.person.id]) | {"permissions": granted}
        return {
            "guild_id": str(guild.id),
            "guild_locale": guild.locale,
            "guild": {"id": str(guild.id), "locale": guild.locale, "features": []},
            "member": member,
        }

    def _source(self) -> Json:
        if self.source is None:
            return {}
        return {"message": payloads.message(self.source, reader=self.world.bot)}


@dataclass(frozen=True)
class Field:
    """One place to write or to choose in a modal."""

    custom_id: str
    label: str
    value: str
    path: tuple[int, ...]
    kind: int = TEXT_INPUT


def fields(modal: Json) -> list[Field]:
    """The text inputs and selects of a modal, whether in action rows or in labels."""
    found = []
    for index, row in enumerate(modal["components"]):
        inputs = row["components"] if row["type"] == 1 else [row.get("component", {})]
        for place, item in enumerate(inputs):
            if item.get("type") in (SELECT, TEXT_INPUT):
                label = item.get("label") or row.get("label") or ""
                at = (index, place)
                found.append(Field(item["custom_id"], label, _begins(item), at, item["type"]))
    return found


def _begins(item: Json) -> str:
    chosen = [one["value"] for one in item.get("options", ()) if one.get("default")]
    return item.get("value") or (chosen[0] if chosen else "")


def filled(modal: Json, values: dict[str, str]) -> Json:
    """A modal as it is submitted; values by custom id or label, prefilled where none is given."""
    known = fields(modal)
    unknown = set(values) - {f.custom_id for f in known} - {f.label for f in known}
    if unknown:
        raise InteractionFailedError(f"the modal has no field {unknown}, only {known}")
    rows: list[Json] = []
    for item in known:
        value = values.get(item.custom_id, values.get(item.label, item.value))
        entry: Json = {"type": item.kind, "id": len(rows) + 1, "custom_id": item.custom_id}
        chosen = {"values": [value] if value else []}
        entry |= chosen if item.kind == SELECT else {"value": value}
        rows.append(_row(modal["components"][item.path[0]]["type"], entry))
    return {"custom_id": modal["custom_id"], "components": rows}


def _row(kind: int, entry: Json) -> Json:
    inside: dict[str, Any] = {"component": entry} if kind == 18 else {"components": [entry]}
    return {"type": kind} | inside
