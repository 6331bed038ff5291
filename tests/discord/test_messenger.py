"""Signing in, listening, stopping."""

from __future__ import annotations

import asyncio

import pytest

from adapters.discord import exchange
from adapters.discord import messenger as messengers
from adapters.discord.messenger import DiscordMessenger
from bot.control.response import Call, Response
from bot.errors import ConfigError, PlatformError
from bot.service import PLATFORM_PATIENCE
from tests.discord.desk import Desk
from tests.discord.stage import Stage, connected, messenger_for, signed_in
from tests.loopback.discord import DiscordServer
from tests.memory import MemoryInbox


def plain(
    server: DiscordServer, *, token: str = "", message_content: bool = False
) -> DiscordMessenger:
    return messenger_for(
        server, MemoryInbox(), Desk(), token=token, message_content=message_content
    )


async def test_a_wrong_token_is_a_matter_of_configuration(discord_server: DiscordServer) -> None:
    with pytest.raises(ConfigError, match="Reset Token"):
        await plain(discord_server, token="wrong").start()


async def test_an_intent_that_is_not_granted_says_where_to_switch_it_on(
    discord_server: DiscordServer,
) -> None:
    messenger = plain(discord_server, message_content=True)
    await messenger.start()
    with pytest.raises(ConfigError, match="Message Content Intent"):
        await messenger.run()
    await messenger.close()


async def test_discord_being_away_at_the_start_may_be_tried_again(
    discord_server: DiscordServer,
) -> None:
    discord_server.faults.fail("GET", "/users/@me$", status=503)
    with pytest.raises(PlatformError):
        await plain(discord_server).start()


async def test_a_token_revoked_between_start_and_run_is_a_matter_of_configuration(
    discord_server: DiscordServer,
) -> None:
    messenger = plain(discord_server)
    await messenger.start()
    discord_server.gateway.token = "another"
    with pytest.raises(ConfigError, match="Reset Token"):
        await messenger.run()
    await messenger.close()


async def test_commands_are_registered_only_when_they_changed(
    discord_server: DiscordServer,
) -> None:
    async with connected(discord_server):
        pass
    assert discord_server.applications.upserts == 1
    asked = r"/applications/\d+/commands$"
    seen = discord_server.faults.hold("GET", asked, after=True)
    async with signed_in(discord_server):
        await seen.reached()
        seen.release()
    assert discord_server.applications.upserts == 1


async def test_commands_that_cannot_be_registered_keep_nobody_waiting(
    discord_server: DiscordServer,
) -> None:
    refused = discord_server.faults.fail("PUT", r"/commands$", status=403)
    async with signed_in(discord_server) as stage:
        await refused.reached()
        outlet = await stage.asked()
        await outlet.create("hi", nonce="n1")
        assert len(stage.channel.from_bot) == 1


async def test_before_it_listens_it_can_already_send(stage: Stage) -> None:
    outlet = await stage.asked()
    await outlet.create("hi", nonce="n1")
    assert len(stage.channel.from_bot) == 1
    assert stage.server.gateway.identifies == 0


async def test_after_it_stopped_listening_it_can_still_send(live: Stage) -> None:
    outlet = await live.asked()
    await live.inbox.until(lambda inbox: bool(inbox.accepted))
    await live.messenger.stop_listening()
    await live.ann.mentions(live.channel, "too late")
    await outlet.create("hi", nonce="n1")
    assert len(live.channel.from_bot) == 1
    assert [one.text for one in live.inbox.accepted] == ["hello"]


async def test_it_is_connected_while_discord_can_send_it_events(
    discord_server: DiscordServer,
) -> None:
    async with signed_in(discord_server) as stage:
        assert not stage.messenger.connected, "signed in is not enough"
    async with connected(discord_server) as stage:
        await stage.asked()
        await stage.inbox.until(lambda inbox: bool(inbox.accepted))
        assert hears(stage)
        discord_server.gateway.kill()
        async with asyncio.timeout(30):
            while hears(stage):  # noqa: ASYNC110 - the library tells nobody
                await asyncio.sleep(0)
        await discord_server.gateway.wait_resumed()
        await stage.messenger.stop_listening()
        assert not hears(stage)


def hears(stage: Stage) -> bool:
    return stage.messenger.connected


async def test_run_returns_when_it_is_closed(discord_server: DiscordServer) -> None:
    messenger = plain(discord_server)
    await messenger.start()
    running = asyncio.create_task(messenger.run())
    await discord_server.gateway.wait_connected()
    await messenger.close()
    async with asyncio.timeout(5):
        await running
    assert running.exception() is None


async def test_run_that_is_cancelled_ends_and_can_be_closed(discord_server: DiscordServer) -> None:
    messenger = plain(discord_server)
    await messenger.start()
    running = asyncio.create_task(messenger.run())
    await discord_server.gateway.wait_connected()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await messenger.close()
    assert running.cancelled()


async def test_what_is_told_after_the_end_is_not_passed_on(discord_server: DiscordServer) -> None:
    async with connected(discord_server) as stage:
        await stage.messenger.close()
        # discord.py's own "ready" comes two seconds after it was connected, closed or not.
        stage.messenger._client.dispatch("ready")
        assert stage.messenger._client.is_closed()


async def test_who_asked_for_something_endless_keeps_the_bot_from_no_orderly_end(
    discord_server: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messengers, "CLOSING_PATIENCE", 0.0)
    monkeypatch.setattr(exchange, "PATIENCE", 0.01)
    asked, ended = asyncio.Event(), asyncio.Event()

    async def endless(_: Call) -> Response:
        asked.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return Response("Never.")

    async with connected(discord_server) as stage:
        stage.desk.answers["usage",] = endless
        await stage.ann.runs_command("usage", stage.channel)
        await asked.wait()
        await stage.messenger.close()
        assert ended.is_set()
        assert stage.messenger._client.is_closed()


def test_what_is_under_way_leaves_time_for_the_rest_of_the_end() -> None:
    assert messengers.CLOSING_PATIENCE + 1.0 < PLATFORM_PATIENCE
