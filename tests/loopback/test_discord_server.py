"""What is said in the loopback Discord arrives, as unmodified discord.py sees it."""

from __future__ import annotations

import discord
import pytest

from tests.loopback.client import Connect, Recorder, connector
from tests.loopback.discord import DiscordServer, Message


def first_from_bot(messages: list[Message]) -> Message | None:
    return next((message for message in messages if message.author.bot), None)


async def test_a_message_makes_the_round_trip(
    discord_server: DiscordServer, connect: Connect
) -> None:
    guild = discord_server.guild()
    channel, ann = guild.channel("general"), guild.member("Ann", nick="Annie")
    async with connect(Recorder()) as client:
        said = await ann.mentions(channel, "hello")
        heard = await client.hears()
        assert heard.id == said.id
        assert heard.content == f"<@{discord_server.bot.id}> hello"
        assert heard.author.display_name == "Annie"
        await heard.reply(f"hi {ann.mention} @everyone")
        answer = await channel.wait_for(first_from_bot)
    assert answer.content == f"hi {ann.mention} @everyone"
    assert answer.reference is said
    assert answer.pings == set()


async def test_an_unguarded_answer_is_recorded_as_a_ping(
    discord_server: DiscordServer, connect: Connect
) -> None:
    guild = discord_server.guild()
    channel, ann = guild.channel("general"), guild.member("Ann")
    staff = guild.role("staff", mentionable=True)
    async with connect(Recorder()) as client:
        target = await client.channel(channel.id)
        everything = discord.AllowedMentions.all()
        text = f"{ann.mention} {staff.mention} @everyone `{discord_server.bot.mention}`"
        await target.send(text, allowed_mentions=everything)
    assert channel.from_bot[0].pings == {"user Ann", "role staff"}


async def test_an_edit_is_kept_in_the_timeline(
    discord_server: DiscordServer, connect: Connect
) -> None:
    channel = discord_server.guild().channel("general")
    async with connect(Recorder()) as client:
        message = await (await client.channel(channel.id)).send("one")
        await message.edit(content="one two")
        assert (await client.notices()) == ("edit", message.id, "one two")
    kept = channel.from_bot[0]
    assert [version.content for version in kept.timeline] == ["one", "one two"]
    assert kept.edits == 1
    assert kept.timeline[0].at < kept.timeline[1].at


async def test_edits_and_deletions_by_people_are_told(
    discord_server: DiscordServer, connect: Connect
) -> None:
    guild = discord_server.guild()
    channel, ann = guild.channel("general"), guild.member("Ann")
    async with connect(Recorder()) as client:
        first, second, third = [await ann.mentions(channel, word) for word in "abc"]
        await ann.edits(first, "@bot b")
        assert (await client.notices())[:2] == ("edit", first.id)
        await ann.deletes(first)
        assert await client.notices() == ("delete", first.id)
        await ann.deletes(second, third)
        assert await client.notices() == ("bulk", {second.id, third.id})
    assert channel.messages == []


async def test_history_is_paged_as_discord_does(
    discord_server: DiscordServer, connect: Connect
) -> None:
    guild = discord_server.guild()
    channel, ann = guild.channel("general"), guild.member("Ann")
    said = [await ann.mentions(channel, str(number)) for number in range(5)]
    async with connect(Recorder()) as client:
        target = await client.channel(channel.id)
        after = discord.Object(said[1].id)
        found = [message.id async for message in target.history(after=after, limit=2)]
        newest = [message.id async for message in target.history(limit=2)]
    assert found == [said[2].id, said[3].id]
    assert newest == [said[4].id, said[3].id]


async def test_a_nonce_posts_once(discord_server: DiscordServer, connect: Connect) -> None:
    channel = discord_server.guild().channel("general")
    async with connect(Recorder()) as client:
        target = await client.channel(channel.id)
        first = await target.send("hello", nonce="abc")
        second = await target.send("hello", nonce="abc")
    assert first.id == second.id
    assert len(channel.messages) == 1


async def test_content_not_meant_for_the_bot_is_blank(
    discord_server: DiscordServer, connect: Connect
) -> None:
    guild = discord_server.guild()
    channel, ann = guild.channel("general"), guild.member("Ann")
    async with connect(Recorder()) as client:
        await ann.says(channel, "among us")
        await ann.mentions(channel, "for you")
        await ann.dm("in private")
        heard = [(await client.hears()).content for _ in range(3)]
        answer = await (await client.channel(channel.id)).send("yes?")
        await ann.replies_to(channel.from_bot[0], "with ping")
        await ann.replies_to(channel.from_bot[0], "without", ping=False)
        replies = [await client.hears() for _ in range(2)]
    assert heard == ["", f"{discord_server.bot.mention} for you", "in private"]
    assert [reply.content for reply in replies] == ["with ping", ""]
    assert replies[0].reference is not None
    assert replies[0].reference.message_id == answer.id


async def test_content_is_there_with_the_intent(
    reading_discord_server: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    guild = reading_discord_server.guild()
    channel, ann = guild.channel("general"), guild.member("Ann")
    connected = connector(monkeypatch, reading_discord_server)
    async with connected(Recorder(message_content=True)) as client:
        await ann.says(channel, "among us")
        assert (await client.hears()).content == "among us"


async def test_a_thread_is_a_channel_of_its_own(
    discord_server: DiscordServer, connect: Connect
) -> None:
    guild = discord_server.guild()
    channel, ann = guild.channel("general"), guild.member("Ann")
    async with connect(Recorder()) as client:
        thread = await ann.starts_thread(channel, "details")
        await ann.mentions(thread, "here")
        heard = await client.hears()
        assert isinstance(heard.channel, discord.Thread)
        assert heard.channel.parent_id == channel.id
        await heard.channel.send("fine")
        own = await (await heard.reply("and more")).fetch()
        assert own.channel.id == thread.id
        started = await (await client.channel(channel.id)).create_thread(
            name="mine", type=discord.ChannelType.public_thread
        )
    assert len(thread.from_bot) == 2
    assert discord_server.world.channels[started.id].parent is channel


async def test_typing_is_seen(discord_server: DiscordServer, connect: Connect) -> None:
    channel = discord_server.guild().channel("general")
    async with connect(Recorder()) as client:
        await client.get_partial_messageable(channel.id).typing()
    assert len(channel.typing) == 1


async def test_the_bot_is_not_told_of_channels_it_cannot_see(
    discord_server: DiscordServer, connect: Connect
) -> None:
    guild = discord_server.guild()
    hidden, open_ = guild.channel("hidden"), guild.channel("open")
    ann = guild.member("Ann")
    hidden.deny(guild.everyone, "view_channel")
    async with connect(Recorder()) as client:
        await ann.mentions(hidden, "secret")
        said = await ann.mentions(open_, "public")
        assert (await client.hears()).id == said.id
