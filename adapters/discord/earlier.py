"""Finds a message that an earlier run of the program has posted and did not live to note.

Discord minds a nonce for some minutes. A program that comes back later has to look.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import discord
import structlog

from bot.values import Place

log = structlog.get_logger(__name__)

LOOKED_AT = 100
NOTE = 1 << 2
"""Discord's flag for a message without embeds, which answers never have: it marks what is said
beside an answer, where nobody sees a difference."""


async def find_posted(
    client: discord.Client, place: Place, answering: str, others: Collection[str]
) -> str | None:
    """Our own message under the one that is answered; `others` are other parts of this reply.

    Parts are posted one after the other, so what is left over is the part that is missing.
    """
    channel = int(place.thread or place.channel)
    try:
        found = await client.http.logs_from(channel, LOOKED_AT, after=int(answering))
    except (discord.Forbidden, discord.NotFound) as error:
        log.warning("discord.cannot_look_back", place=place.id, reason=str(error))
        return None
    me = client.user.id if client.user else 0
    under = None if place.thread == answering else answering
    ours = [
        str(message["id"])
        for message in found
        if int(message["author"]["id"]) == me
        and _answered(message) == under
        and not message.get("flags", 0) & NOTE
    ]
    return min((one for one in ours if one not in others), key=int, default=None)


def _answered(message: Mapping[str, Any]) -> str | None:
    """The message that this one is a reply to. What opens a thread's answer is a reply to none."""
    reference = (message.get("message_reference") or {}).get("message_id")
    return None if reference is None else str(reference)
