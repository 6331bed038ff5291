"""Who may do what where, by Discord's published rules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import discord

if TYPE_CHECKING:
    from tests.loopback.discord.model import Channel, Guild, User


def bits(names: Iterable[str]) -> int:
    """The permission integer of these permission names."""
    return discord.Permissions(**dict.fromkeys(names, True)).value


ALL = discord.Permissions.all().value
ADMINISTRATOR = bits(["administrator"])
VIEW = bits(["view_channel"])
SEND = bits(["send_messages"])
SEND_IN_THREADS = bits(["send_messages_in_threads"])
READ_HISTORY = bits(["read_message_history"])
MANAGE_MESSAGES = bits(["manage_messages"])
MENTION_EVERYONE = bits(["mention_everyone"])
CREATE_THREADS = bits(["create_public_threads"])
MANAGE_THREADS = bits(["manage_threads"])
ADD_REACTIONS = bits(["add_reactions"])

EVERYONE = bits(
    [
        "view_channel",
        "send_messages",
        "send_messages_in_threads",
        "create_public_threads",
        "read_message_history",
        "add_reactions",
        "embed_links",
        "attach_files",
        "use_application_commands",
    ]
)
DIRECT = EVERYONE & ~CREATE_THREADS


def in_guild(guild: Guild, user: User) -> int:
    """What a member may do before any channel has a say."""
    member = guild.members.get(user.id)
    if member is None:
        return 0
    if guild.owner is user:
        return ALL
    granted = guild.everyone.permissions
    for role in member.roles:
        granted |= role.permissions
    return ALL if granted & ADMINISTRATOR else granted


def in_channel(channel: Channel, user: User) -> int:
    """What a person may do in a channel, thread or DM."""
    if channel.guild is None:
        return DIRECT if user in channel.recipients else 0
    granted = in_guild(channel.guild, user)
    if granted == ALL or not granted:
        return granted
    granted = _overwritten(channel.parent or channel, user, granted)
    if channel.recipients and not granted & MANAGE_THREADS:
        granted = granted if user in channel.recipients else 0
    return granted if granted & VIEW else 0


def _overwritten(channel: Channel, user: User, granted: int) -> int:
    guild = channel.guild
    assert guild is not None
    roles = {role.id for role in guild.members[user.id].roles}
    layers = [{guild.everyone.id}, roles, {user.id}]
    for layer in layers:
        matching = [write for target, write in channel.overwrites.items() if target in layer]
        for write in matching:
            granted &= ~write.deny
        for write in matching:
            granted |= write.allow
    return granted
