"""Messages as Discord's gateway words them, read by discord.py without any connection."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import discord

from adapters.discord.client import intents_for

BOT, ANN, BEN, OWNER, HOOK = 900, 901, 902, 903, 904
GUILD, CHANNEL, THREAD, DM = 100, 200, 300, 400
MANAGERS = 500
WHEN = "2026-11-03T14:05:00+00:00"
MESSAGE = discord.utils.time_snowflake(datetime.fromisoformat(WHEN))
VIEW_AND_SEND = "3072"


def user(number: int, name: str, **more: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "username": name.lower(),
        "global_name": name,
        "discriminator": "0",
        "avatar": None,
        **more,
    }


def member(*roles: int, nick: str | None = None) -> dict[str, Any]:
    return {
        "roles": [str(role) for role in roles],
        "nick": nick,
        "joined_at": WHEN,
        "deaf": False,
        "mute": False,
        "flags": 0,
    }


def role(number: int, name: str, permissions: int = 0) -> dict[str, Any]:
    return {
        "id": str(number),
        "name": name,
        "permissions": str(permissions),
        "position": 1,
        "color": 0,
        "hoist": False,
        "managed": False,
        "mentionable": False,
    }


def guild(client: discord.Client) -> discord.Guild:
    manage = discord.Permissions(manage_channels=True).value
    data: Any = {
        "id": str(GUILD),
        "name": "Cuzco",
        "owner_id": str(OWNER),
        "roles": [role(GUILD, "@everyone", int(VIEW_AND_SEND)), role(MANAGERS, "keepers", manage)],
        "channels": [
            {
                "id": str(CHANNEL),
                "type": 0,
                "name": "knots",
                "position": 0,
                "permission_overwrites": [],
            }
        ],
        "members": [{**member(), "user": user(BOT, "Quipu", bot=True)}],
        "threads": [
            {
                "id": str(THREAD),
                "guild_id": str(GUILD),
                "parent_id": str(CHANNEL),
                "type": 11,
                "name": "red string",
                "owner_id": str(ANN),
                "message_count": 1,
                "member_count": 1,
                "rate_limit_per_user": 0,
                "thread_metadata": {
                    "archived": False,
                    "auto_archive_duration": 60,
                    "archive_timestamp": WHEN,
                },
            }
        ],
        "emojis": [],
        "stickers": [],
        "features": [],
    }
    state = client._connection
    found = discord.Guild(data=data, state=state)
    state._add_guild(found)
    return found


class Scene:
    """A guild with a channel and a thread, a DM, and the bot that reads them."""

    def __init__(self) -> None:
        self.client = discord.Client(intents=intents_for(message_content=True))
        state = self.client._connection
        bot: Any = user(BOT, "Quipu", bot=True)
        state.user = discord.ClientUser(state=state, data=bot)
        self.me = state.user
        self.guild = guild(self.client)
        channel = self.guild.get_channel(CHANNEL)
        thread = self.guild.get_thread(THREAD)
        assert channel is not None
        assert thread is not None
        self.channel, self.thread = channel, thread
        self.dm = discord.DMChannel._from_message(state, DM)

    def message(self, content: str, channel: Any = None, **more: Any) -> discord.Message:
        channel = channel or self.channel
        data = self.data(content, channel, **more)
        return discord.Message(state=self.client._connection, channel=channel, data=data)

    def data(self, content: str, channel: Any = None, **more: Any) -> Any:
        channel = channel or self.channel
        data: dict[str, Any] = {
            "id": str(MESSAGE),
            "channel_id": str(channel.id),
            "type": 0,
            "content": content,
            "author": user(ANN, "Ann"),
            "timestamp": WHEN,
            "edited_timestamp": None,
            "tts": False,
            "pinned": False,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
        }
        if channel.guild is not None:
            data |= {"guild_id": str(GUILD), "member": member()}
        return data | more

    def reply(self, content: str, to: Any, **more: Any) -> discord.Message:
        reference = {"message_id": to["id"], "channel_id": to["channel_id"], "type": 0}
        return self.message(
            content, type=19, message_reference=reference, referenced_message=to, **more
        )


def mention(number: int = BOT, name: str = "Quipu") -> list[dict[str, Any]]:
    return [{**user(number, name, bot=number == BOT), "member": member()}]
