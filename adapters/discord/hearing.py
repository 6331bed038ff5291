"""What the bot makes of a message: whether it is for it here, with its files and its thread."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import discord
import structlog

from adapters.discord.attachments import Attached
from adapters.discord.inbound import inbound_of, text_of
from adapters.discord.places import PLATFORM, place_of
from bot import plain
from bot.control.records import Behaviour
from bot.errors import QuipuError

if TYPE_CHECKING:
    from adapters.discord.attachments import Attachments
    from adapters.discord.shared import SharedRoles
    from adapters.discord.threads import Threads
    from bot.control.ports import Behaviours, Locales
    from bot.values import Inbound, Place

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """A message for the bot, and the names of the files that were not read."""

    inbound: Inbound
    declined: tuple[str, ...] = ()


class Hearing:
    """Reads messages as each Place wants them read."""

    def __init__(
        self,
        files: Attachments,
        threads: Threads,
        shared: SharedRoles,
        behaviours: Behaviours | None = None,
        admin_roles: Collection[str] = (),
        locales: Locales | None = None,
    ) -> None:
        self._files = files
        self._threads = threads
        self._shared = shared
        self._behaviours = behaviours
        self._admin_roles = frozenset(admin_roles)
        self._locales = locales

    async def hear(
        self, message: discord.Message, me: discord.abc.User, channel: Any
    ) -> Heard | None:
        """The message as an Inbound; None where it is not for the bot."""
        place = place_of(channel)
        if place is None:
            return None
        behaviour = await self._behaviour(place)
        inbound = inbound_of(
            message, me, channel, behaviour=behaviour, admin_roles=self._admin_roles
        )
        if inbound is None:
            return None
        if behaviour.threads and behaviour.when != "never":
            inbound = replace(inbound, place=self._threads.place(inbound, channel))
        text, declined = await self._files.read(attached(message))
        if not (inbound.text or text) and declined and behaviour.when == "never":
            return None
        # A message does not tell its author's language; without it, the server's is left.
        locale = await self._locales.of(PLATFORM, inbound.author.id) if self._locales else ""
        words, locale = joined(inbound.text, text), locale or inbound.locale
        return Heard(replace(inbound, text=words, locale=locale), declined)

    async def vouched(self, client: discord.Client, inbound: Inbound) -> Inbound:
        """The same with the roles that its author has, if it is private. See `SharedRoles`."""
        author = await self._shared.vouched(client, inbound.place, inbound.author)
        return replace(inbound, author=author)

    async def words(self, message: discord.Message, me: discord.abc.User) -> str:
        """What a message says now, with its files, after it was edited."""
        text, _ = await self._files.read(attached(message))
        return joined(text_of(message, me), text)

    async def _behaviour(self, place: Place) -> Behaviour:
        if self._behaviours is None:
            return Behaviour()
        try:
            return await self._behaviours.behaviour(place)
        except QuipuError as error:
            # Who turned to the bot shall hear of it, when the message is claimed.
            log.debug("discord.behaviour_unknown", place=place.id, reason=str(error))
            return Behaviour()


def attached(message: discord.Message) -> list[Attached]:
    """The files of a message."""
    return [
        Attached(plain.file_name(file.filename), file.url, file.size, file.content_type or "")
        for file in message.attachments
    ]


def joined(text: str, files: str) -> str:
    """What was written, then the files."""
    return "\n\n".join(part for part in (text, files) if part)
