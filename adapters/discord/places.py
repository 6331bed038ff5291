"""Discord's guilds, channels, threads and DMs as Places, and what people are there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord

from bot.values import Place, Standing

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection

PLATFORM = "discord"
PRIVATE = "@me"


def place_of(channel: Any) -> Place | None:
    """The Place that a discord.py channel is; None for a group, or a channel not known enough."""
    if isinstance(channel, discord.DMChannel):
        return Place(PLATFORM, PRIVATE, str(channel.id), private=True)
    if isinstance(channel, discord.Thread):
        parent, thread = str(channel.parent_id), str(channel.id)
        closed = channel.is_private()
        return Place(PLATFORM, str(channel.guild.id), parent, thread, closed=closed)
    if isinstance(channel, discord.abc.GuildChannel):
        return Place(PLATFORM, str(channel.guild.id), str(channel.id))
    return None


def standing_of(permissions: discord.Permissions, admin_roles: Collection[str]) -> Standing:
    """What these permissions make of a person who has these of the configured roles."""
    if permissions.administrator or permissions.manage_guild:
        return Standing.OWNER
    manages = permissions.manage_channels or admin_roles
    return Standing.ADMIN if manages else Standing.MEMBER


def sees_every_thread(permissions: discord.Permissions) -> bool:
    """Whether Discord shows people with these permissions the private threads of others."""
    return permissions.administrator or permissions.manage_threads


def channel_id(place: Place) -> int:
    """The Discord channel to write into: a thread is one itself."""
    return int(place.thread or place.channel)


async def known_channel(
    channel: Any, fetch: Callable[[int], Awaitable[Any]]
) -> discord.abc.GuildChannel | discord.Thread | discord.DMChannel | None:
    """The channel itself, asked of Discord where the library holds only its number.

    That happens in archived threads, which a guild does not list when the bot connects.
    """
    if isinstance(channel, discord.PartialMessageable):
        channel = await fetch(channel.id)
    if isinstance(channel, discord.abc.GuildChannel | discord.Thread | discord.DMChannel):
        return channel
    return None
