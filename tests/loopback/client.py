"""A plain discord.py client for the tests of the loopback Discord."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import discord
import pytest
import yarl
from discord import app_commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from tests.loopback.discord import DiscordServer

PATIENCE = 30


class Recorder(discord.Client):
    """A plain discord.py client that keeps what it is told."""

    def __init__(self, *, message_content: bool = False) -> None:
        intents = discord.Intents(
            guilds=True, guild_messages=True, dm_messages=True, message_content=message_content
        )
        super().__init__(
            intents=intents,
            allowed_mentions=discord.AllowedMentions.none(),
            guild_ready_timeout=0.01,
        )
        self.tree = app_commands.CommandTree(self)
        self.heard: asyncio.Queue[discord.Message] = asyncio.Queue()
        self.events: asyncio.Queue[Any] = asyncio.Queue()

    async def on_message(self, message: discord.Message) -> None:
        if message.author != self.user:
            self.heard.put_nowait(message)

    async def on_raw_message_edit(self, event: discord.RawMessageUpdateEvent) -> None:
        self.events.put_nowait(("edit", event.message_id, event.message.content))

    async def on_raw_message_delete(self, event: discord.RawMessageDeleteEvent) -> None:
        self.events.put_nowait(("delete", event.message_id))

    async def on_raw_bulk_message_delete(self, event: discord.RawBulkMessageDeleteEvent) -> None:
        self.events.put_nowait(("bulk", event.message_ids))

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        """Not the five seconds that discord.py leaves between two sessions."""

    async def hears(self) -> discord.Message:
        return await asyncio.wait_for(self.heard.get(), PATIENCE)

    async def notices(self) -> Any:
        return await asyncio.wait_for(self.events.get(), PATIENCE)

    async def channel(self, channel_id: int) -> discord.TextChannel:
        channel = await self.fetch_channel(channel_id)
        assert isinstance(channel, discord.TextChannel)
        return channel


Connect = Callable[[Recorder], AbstractAsyncContextManager[Recorder]]


def connector(monkeypatch: pytest.MonkeyPatch, server: DiscordServer) -> Connect:
    monkeypatch.setattr(Route, "BASE", server.api_url)
    monkeypatch.setattr(DiscordWebSocket, "DEFAULT_GATEWAY", yarl.URL(server.gateway_url))

    @asynccontextmanager
    async def connected(client: Recorder) -> AsyncIterator[Recorder]:
        async with client:
            await client.login(server.token)
            running = asyncio.create_task(client.connect())
            await asyncio.wait_for(client.wait_until_ready(), PATIENCE)
            yield client
        await running

    return connected
