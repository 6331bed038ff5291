"""The adapter connected to a loopback Discord with a guild, a channel and two people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from adapters.discord.messenger import DiscordMessenger
from adapters.discord.outbound import DiscordOutlet
from bot.values import Place
from tests.discord.desk import Desk, Habits
from tests.loopback.discord import Channel, DiscordServer, Guild, Message, Person
from tests.memory import MemoryAbsences, MemoryInbox


@dataclass
class Stage:
    """Everything that a test of the adapter touches.

    Ann is a member, Mia manages channels, Rob has a role that the configuration names.
    """

    server: DiscordServer
    inbox: MemoryInbox
    desk: Desk
    habits: Habits
    absences: MemoryAbsences
    messenger: DiscordMessenger
    guild: Guild
    channel: Channel
    ann: Person
    mia: Person
    rob: Person

    def place(self, channel: Channel | None = None) -> Place:
        channel = channel or self.channel
        if channel.guild is None:
            return Place("discord", "@me", str(channel.id), private=True)
        guild = str(channel.guild.id)
        if channel.parent is not None:
            return Place("discord", guild, str(channel.parent.id), str(channel.id))
        return Place("discord", guild, str(channel.id))

    def outlet(self, answering: Message) -> DiscordOutlet:
        return self.messenger.outlet(self.place(answering.channel), str(answering.id))

    async def asked(self) -> DiscordOutlet:
        """The way back to a question that Ann has just asked in the channel."""
        return self.outlet(await self.ann.mentions(self.channel, "hello"))


def messenger_for(
    server: DiscordServer,
    inbox: MemoryInbox,
    desk: Desk,
    *,
    habits: Habits | None = None,
    absences: MemoryAbsences | None = None,
    admin_roles: Sequence[str] = (),
    token: str = "",
    message_content: bool = False,
) -> DiscordMessenger:
    return DiscordMessenger(
        token or server.token,
        inbox=inbox,
        control=desk,
        absences=absences or MemoryAbsences(),
        behaviours=habits,
        admin_roles=admin_roles,
        api_url=server.api_url,
        gateway_url=server.gateway_url,
        message_content=message_content,
    )


@asynccontextmanager
async def signed_in(
    server: DiscordServer, *, message_content: bool = False
) -> AsyncIterator[Stage]:
    """REST only, as while a journal is recovered."""
    inbox, desk, habits, absences = MemoryInbox(), Desk(), Habits(), MemoryAbsences()
    guild = server.guild("Cuzco")
    keepers = guild.role("keepers")
    ann, mia = guild.member("Ann"), guild.member("Mia", manage_channels=True)
    rob = guild.member("Rob", roles=[keepers])
    messenger = messenger_for(
        server,
        inbox,
        desk,
        habits=habits,
        absences=absences,
        admin_roles=[str(keepers.id)],
        message_content=message_content,
    )
    channel = guild.channel("knots")
    await messenger.start()
    try:
        people = (ann, mia, rob)
        yield Stage(server, inbox, desk, habits, absences, messenger, guild, channel, *people)
    finally:
        await messenger.close()


@asynccontextmanager
async def connected(
    server: DiscordServer, *, message_content: bool = False
) -> AsyncIterator[Stage]:
    """Signed in and listening."""
    async with signed_in(server, message_content=message_content) as stage:
        running = asyncio.create_task(stage.messenger.run())
        await server.gateway.wait_connected()
        await server.wait_for_commands()
        try:
            yield stage
        finally:
            await stage.messenger.close()
            await running
