"""An interaction as a Call: where it happened, who did it, and what was given."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import discord

from adapters.discord.attachments import Attached
from adapters.discord.declared import CHAT_INPUT, SUBCOMMAND
from adapters.discord.places import place_of, sees_every_thread, standing_of
from adapters.discord.shared import SharedRoles
from adapters.discord.threads import grants_threads, has_threads
from bot.control.response import Call, Given, Obstacle
from bot.control.words import say
from bot.errors import Refused
from bot.values import Author, Place, Standing

Interaction = discord.Interaction[Any]
Json = Mapping[str, Any]

ATTACHMENT = 11


@dataclass(frozen=True, slots=True)
class Used:
    """A slash command as it was typed; of an unfinished one, `focused` is being typed."""

    path: tuple[str, ...]
    arguments: Mapping[str, Given]
    files: Mapping[str, Attached]
    channels: tuple[int, ...] = ()
    """The types of the channels that are named."""
    focused: str = ""
    typed: str = ""


def used(data: Json) -> Used:
    """Read the data of a command's interaction."""
    path, options = [str(data["name"])], data.get("options") or []
    while options and options[0]["type"] <= SUBCOMMAND + 1:
        path.append(options[0]["name"])
        options = options[0].get("options") or []
    resolved = data.get("resolved", {})
    attachments = resolved.get("attachments", {})
    focused: Json = next((one for one in options if one.get("focused")), {})
    plain = [one for one in options if one["type"] != ATTACHMENT and not one.get("focused")]
    return Used(
        path=tuple(path),
        arguments={one["name"]: one["value"] for one in plain},
        files={
            one["name"]: Attached.read(attachments[one["value"]])
            for one in options
            if one["type"] == ATTACHMENT
        },
        channels=tuple(one["type"] for one in resolved.get("channels", {}).values()),
        focused=str(focused.get("name", "")),
        typed=str(focused.get("value", "")),
    )


def is_slash(data: Json) -> bool:
    """Whether it was typed, and not chosen from a message's menu."""
    return bool(data.get("type", CHAT_INPUT) == CHAT_INPUT)


class Caller:
    """Makes Calls of interactions; members of `admin_roles` (ids) count as admins.

    Without `message_content` Discord hides from the bot what is said to others.
    """

    def __init__(
        self,
        admin_roles: Collection[str] = (),
        shared: SharedRoles | None = None,
        *,
        message_content: bool = False,
    ) -> None:
        self._admin_roles = frozenset(admin_roles)
        self._message_content = message_content
        self._shared = shared or SharedRoles()

    async def call(self, interaction: Interaction, command: tuple[str, ...], **more: Any) -> Call:
        """The use of a command. Refused where the bot holds no conversation."""
        place = place_for(interaction)
        author = self.author(interaction)
        return Call(
            command,
            place,
            await self._shared.vouched(interaction.client, place, author),
            locale=str(interaction.locale),
            every_thread=sees_every_thread(interaction.permissions),
            obstacles=tuple(self._obstacles(interaction)),
            **more,
        )

    def _obstacles(self, interaction: Interaction) -> Iterator[Obstacle]:
        """What the bot cannot do where this happened, as Discord tells it with the interaction."""
        if interaction.guild_id is None:
            return
        if not self._message_content:
            yield Obstacle("when", "always", "discord.needs.message_content")
        if not has_threads(interaction.channel):
            yield Obstacle("threads", True, "discord.needs.text_channel")
        elif not grants_threads(interaction.app_permissions):
            yield Obstacle("threads", True, "discord.needs.threads")

    def author(self, interaction: Interaction) -> Author:
        """Who did it, with what Discord resolved for them there and then."""
        user = interaction.user
        roles = tuple(str(role.id) for role in getattr(user, "roles", ()))
        standing = self._standing(interaction, roles)
        return Author(str(user.id), user.display_name, standing, roles)

    def _standing(self, interaction: Interaction, roles: tuple[str, ...]) -> Standing:
        if interaction.guild_id is None:
            # It is their own, though what holds for all direct messages is not.
            return Standing.ADMIN
        return standing_of(interaction.permissions, self._admin_roles.intersection(roles))


def place_for(interaction: Interaction) -> Place:
    """Where it happened. Refused where the bot holds no conversation."""
    place = place_of(interaction.channel)
    if place is None:
        raise Refused(notice=say("discord.no_place", str(interaction.locale)))
    return place
