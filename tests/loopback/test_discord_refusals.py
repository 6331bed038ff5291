"""What the loopback Discord refuses: by limit, by permission, by description, or on purpose."""

from __future__ import annotations

import asyncio
import os
import time
from typing import Any

import aiohttp
import discord
import pytest

from tests.loopback.client import Connect, Recorder
from tests.loopback.discord import DiscordServer, Limit
from tests.loopback.discord.openapi import VARIABLE


async def test_a_client_waits_out_a_429_and_is_then_served(
    discord_server: DiscordServer, connect: Connect
) -> None:
    """Another request has used up the bucket, so that discord.py cannot know it."""
    discord_server.limits.creates(1, 2.0)
    channel = discord_server.guild().channel("general")
    async with connect(Recorder()) as client, _session(discord_server) as session:
        began = time.monotonic()
        async with session.post(f"/api/v10/channels/{channel.id}/messages", json={"content": "1"}):
            pass
        await client.get_partial_messageable(channel.id).send("2")
    assert [message.content for message in channel.from_bot] == ["1", "2"]
    assert discord_server.limits.refused == {"POST /channels/{channel_id}/messages": 1}
    assert channel.from_bot[1].timeline[0].at - began >= 2.0


async def test_a_429_says_when_to_come_back(discord_server: DiscordServer) -> None:
    discord_server.limits.creates(1, 60)
    channel, other = (discord_server.guild().channel(name) for name in ("general", "random"))
    statuses = []
    async with _session(discord_server) as session:
        for target in (channel, other, channel):
            url = f"/api/v10/channels/{target.id}/messages"
            async with session.post(url, json={"content": "hi"}) as response:
                statuses.append(response.status)
                body, headers = await response.json(), response.headers
    assert statuses == [200, 200, 429]
    assert body["retry_after"] == pytest.approx(60, abs=5)
    assert body["global"] is False
    assert headers["X-RateLimit-Limit"] == "1"
    assert headers["X-RateLimit-Remaining"] == "0"
    assert headers["X-RateLimit-Scope"] == "user"
    assert headers["Via"]


def _session(server: DiscordServer) -> aiohttp.ClientSession:
    base = server.api_url.removesuffix("/api/v10")
    return aiohttp.ClientSession(base, headers={"Authorization": f"Bot {server.token}"})


async def test_the_global_limit_counts_all_routes_together(discord_server: DiscordServer) -> None:
    discord_server.limits.everywhere = Limit(2, 60)
    statuses = []
    async with _session(discord_server) as session:
        for path in ("/users/@me", "/gateway/bot", "/users/@me/guilds"):
            async with session.get(f"/api/v10{path}") as response:
                statuses.append(response.status)
    assert statuses == [200, 200, 429]
    assert response.headers["X-RateLimit-Scope"] == "global"


@pytest.mark.parametrize(("denied", "code"), [("send_messages", 50013), ("view_channel", 50001)])
async def test_a_closed_channel_refuses_with_the_right_code(
    discord_server: DiscordServer, connect: Connect, denied: str, code: int
) -> None:
    channel = discord_server.guild().channel("closed")
    channel.deny(discord_server.bot, denied)
    async with connect(Recorder()) as client:
        with pytest.raises(discord.Forbidden) as refused:
            await client.get_partial_messageable(channel.id).send("hi")
    assert refused.value.code == code
    assert channel.messages == []


async def test_what_discord_refuses_is_refused(
    discord_server: DiscordServer, connect: Connect
) -> None:
    guild = discord_server.guild()
    channel, ann = guild.channel("general"), guild.member("Ann")
    theirs = await ann.says(channel, "mine")
    async with connect(Recorder()) as client:
        target = client.get_partial_messageable(channel.id)
        with pytest.raises(discord.HTTPException) as too_long:
            await target.send("x" * 2001)
        with pytest.raises(discord.Forbidden) as foreign:
            await target.get_partial_message(theirs.id).edit(content="yours")
        with pytest.raises(discord.NotFound) as missing:
            await target.get_partial_message(1).edit(content="nothing")
        ann.user.takes_dms = False
        person = await client.fetch_user(ann.user.id)
        with pytest.raises(discord.Forbidden) as unwanted:
            await person.send("psst")
    errors = (too_long, foreign, missing, unwanted)
    assert [error.value.code for error in errors] == [50035, 50005, 10008, 50007]


async def test_faults_strike_before_or_after_the_work(
    discord_server: DiscordServer, connect: Connect
) -> None:
    channel = discord_server.guild().channel("general")
    faults = discord_server.faults
    async with connect(Recorder()) as client:
        target = client.get_partial_messageable(channel.id)
        faults.fail("POST", "/messages$", status=503)
        with pytest.raises(discord.DiscordServerError):
            await target.send("lost")
        assert channel.messages == []
        faults.drop("POST", "/messages$", after=True)
        with pytest.raises((aiohttp.ClientError, OSError)):
            await target.send("kept")
        assert [message.content for message in channel.messages] == ["kept"]
        held = faults.hold("POST", "/messages$")
        sending = asyncio.create_task(target.send("late"))
        await held.reached()
        assert len(channel.messages) == 1
        held.release()
        await sending
    assert channel.messages[-1].content == "late"


@pytest.mark.skipif(not os.environ.get(VARIABLE), reason="Discord's description is not at hand")
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/channels/1/messages", {"content": 5}),
        ("/channels/1/messages", {"content": "hi", "allowed_mentions": {"parse": ["all"]}}),
        ("/channels/one/messages", {"content": "hi"}),
        ("/channels/1/messages?loud=1", {"content": "hi"}),
        ("/channels/1/shouts", {"content": "hi"}),
    ],
)
async def test_a_request_that_discord_does_not_describe_is_noted(
    path: str, body: dict[str, Any]
) -> None:
    async with DiscordServer() as server, aiohttp.ClientSession() as session:
        async with session.post(f"{server.api_url}{path}", json=body):
            pass
        assert server.violations
