"""Threads that the bot opens for a question, when its answer begins and not before.

A thread that hangs on a message has that message's id, so its Place is known before it exists.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Any, Final

import discord
import structlog

from bot import plain
from bot.control.words import say
from bot.values import Inbound, Place

log = structlog.get_logger(__name__)

LONGEST_NAME = 60
MOST_NAMES = 1000
ARCHIVED_AFTER: Final = 1440
"""Minutes without a word; Discord takes this and three other values."""
# Either it was opened before, or its message is gone: whether it is there will be seen.
MAY_BE_THERE = {160004, 10008}


class Threads:
    """Opens a thread at a message, once; names are kept until then."""

    def __init__(self, client: discord.Client) -> None:
        self._client = client
        self._names: OrderedDict[str, str] = OrderedDict()

    def place(self, inbound: Inbound, channel: Any) -> Place:
        """The Place of the thread for a question; the channel's own where there may be none."""
        if not may_open(channel):
            return inbound.place
        self._names[inbound.message_id] = _name(inbound.text)
        while len(self._names) > MOST_NAMES:
            self._names.popitem(last=False)
        return replace(inbound.place, thread=inbound.message_id)

    async def ensure(self, place: Place, answering: str) -> None:
        """Open the thread of a reply's Place, if it hangs on the message that is answered."""
        if not place.thread or place.thread != answering or self._known(place):
            return
        name = self._names.get(answering) or say("discord.thread.name", self._locale(place))
        try:
            # discord.py's own way knows the guild only once the gateway is connected.
            await self._client.http.start_thread_with_message(
                int(place.channel), int(answering), name=name, auto_archive_duration=ARCHIVED_AFTER
            )
        except discord.HTTPException as error:
            if error.code not in MAY_BE_THERE:
                raise
            log.debug("discord.thread_not_opened", place=place.id, reason=str(error))
        self._names.pop(answering, None)

    def _known(self, place: Place) -> bool:
        return isinstance(self._client.get_channel(int(place.thread)), discord.Thread)

    def _locale(self, place: Place) -> str:
        guild = self._client.get_guild(int(place.workspace))
        return str(guild.preferred_locale) if guild else ""


def places_of(place: Place, message_id: str) -> list[Place]:
    """Where a message said at a Place may have been kept: there, or in the thread opened for it.

    Whether there is such a thread is not asked: Discord forgets to tell of archived ones.
    """
    if place.private or place.thread:
        return [place]
    return [place, replace(place, thread=message_id)]


def may_open(channel: Any) -> bool:
    """Whether the bot may open threads in a channel and write in them."""
    if not isinstance(channel, discord.TextChannel):
        return False
    return grants_threads(channel.permissions_for(channel.guild.me))


def grants_threads(permissions: discord.Permissions) -> bool:
    """Whether the bot may open threads and write in them, with these permissions in a channel."""
    return permissions.create_public_threads and permissions.send_messages_in_threads


def has_threads(channel: Any) -> bool:
    """Whether threads can be opened at messages of a channel, or of a thread's channel."""
    if isinstance(channel, discord.Thread):
        return channel.parent is None or has_threads(channel.parent)
    return isinstance(channel, discord.TextChannel)


def opened_by(channel: Any, me: discord.abc.User) -> bool:
    """Whether this is a thread that the bot opened."""
    return isinstance(channel, discord.Thread) and channel.owner_id == me.id


def _name(text: str) -> str:
    words = plain.name(text, 2 * LONGEST_NAME)
    return words if len(words) <= LONGEST_NAME else words[: LONGEST_NAME - 1].rstrip() + "…"
