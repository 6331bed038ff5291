"""The loopback gateway: sessions that begin, break and go on."""

from __future__ import annotations

import discord
import pytest

from tests.loopback.client import Connect, Recorder
from tests.loopback.discord import DiscordServer


async def test_a_client_connects_and_sees_its_guild(
    discord_server: DiscordServer, connect: Connect
) -> None:
    guild = discord_server.guild("Acme")
    channel = guild.channel("general")
    async with connect(Recorder()) as client:
        seen = client.get_guild(guild.id)
        assert seen is not None
        assert seen.name == "Acme"
        found = seen.get_channel(channel.id)
        assert found is not None
        assert found.permissions_for(seen.me).send_messages


async def test_a_message_missed_while_the_line_was_cut_is_replayed(
    discord_server: DiscordServer, connect: Connect
) -> None:
    guild = discord_server.guild()
    channel, ann = guild.channel("general"), guild.member("Ann")
    async with connect(Recorder()) as client:
        await ann.mentions(channel, "before")
        await client.hears()
        discord_server.gateway.kill()
        missed = await ann.mentions(channel, "meanwhile")
        assert (await client.hears()).id == missed.id
    assert discord_server.gateway.resumes == 1
    assert discord_server.gateway.identifies == 1


async def test_a_client_told_to_reconnect_resumes(
    discord_server: DiscordServer, connect: Connect
) -> None:
    guild = discord_server.guild()
    channel, ann = guild.channel("general"), guild.member("Ann")
    async with connect(Recorder()) as client:
        discord_server.gateway.ask_to_reconnect()
        await discord_server.gateway.wait_resumed()
        said = await ann.mentions(channel, "after")
        assert (await client.hears()).id == said.id


async def test_a_session_that_cannot_be_resumed_begins_anew(
    discord_server: DiscordServer, connect: Connect
) -> None:
    guild = discord_server.guild()
    channel, ann = guild.channel("general"), guild.member("Ann")
    async with connect(Recorder()) as client:
        discord_server.gateway.resumable = False
        discord_server.gateway.kill()
        await discord_server.gateway.wait_identified(2)
        said = await ann.mentions(channel, "again")
        assert (await client.hears()).id == said.id
    assert discord_server.gateway.resumes == 0


async def test_an_event_can_be_repeated(discord_server: DiscordServer, connect: Connect) -> None:
    guild = discord_server.guild()
    channel, ann = guild.channel("general"), guild.member("Ann")
    async with connect(Recorder()) as client:
        said = await ann.mentions(channel, "once")
        discord_server.gateway.repeat(said)
        assert [(await client.hears()).id for _ in range(2)] == [said.id, said.id]


async def test_a_wrong_token_is_refused(discord_server: DiscordServer, connect: Connect) -> None:
    async with Recorder() as client:
        with pytest.raises(discord.LoginFailure):
            await client.login("wrong")


async def test_an_intent_switched_off_in_the_portal_is_refused(
    discord_server: DiscordServer, connect: Connect
) -> None:
    async with Recorder(message_content=True) as client:
        with pytest.raises(discord.PrivilegedIntentsRequired):
            await client.start(discord_server.token)
    assert discord_server.gateway.closed_with == [4014]
