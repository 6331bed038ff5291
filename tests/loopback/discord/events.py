"""What the gateway is told, and the intents that decide who hears it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import discord

GUILDS = discord.Intents(guilds=True).value
MEMBERS = discord.Intents(members=True).value
PRESENCES = discord.Intents(presences=True).value
GUILD_MESSAGES = discord.Intents(guild_messages=True).value
DM_MESSAGES = discord.Intents(dm_messages=True).value
CONTENT = discord.Intents(message_content=True).value
GUILD_TYPING = discord.Intents(guild_typing=True).value
DM_TYPING = discord.Intents(dm_typing=True).value


@dataclass(frozen=True)
class Event:
    """Something to tell to sessions with one of these intents (0: to all), in a form for each."""

    name: str
    intents: int
    data: Callable[[int], dict[str, Any]]
