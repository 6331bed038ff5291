"""Discord and Slack served at once, by one program from one model; neither depends on the other."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.loopback.discord import DiscordServer
from tests.loopback.slack import SlackServer
from tests.scenes.program import Program

MARK = "▌"


def both(discord: DiscordServer, folder: Path, model: Path, slack_url: str, bot: str) -> Program:
    """The program with both platforms in its configuration."""
    more = f'\n[slack]\napi_url = "{slack_url}"\n'
    secrets = {"SLACK_BOT_TOKEN": bot, "SLACK_APP_TOKEN": "xapp-1-loopback"}
    return Program(discord, folder, model, tokens=60, more=more, secrets=secrets)


async def test_one_program_answers_in_discord_and_in_slack(
    discord_server: DiscordServer, slack_server: SlackServer, tiny_llama: Path, tmp_path: Path
) -> None:
    guild, workspace = discord_server.guild(), slack_server.workspace()
    here, there = guild.channel("knots"), workspace.channel("knots")
    ann, eve = guild.member("Ann"), workspace.member("Eve")
    program = both(discord_server, tmp_path, tiny_llama, slack_server.api_url, workspace.bot_token)
    await program.start()
    try:
        await slack_server.socket_mode.wait_connects(2, 30)
        await asyncio.gather(ann.mentions(here, "hello"), eve.mentions(there, "hello"))
        await here.wait_for(lambda _: [m for m in here.from_bot if MARK not in m.content], 60)
        await there.wait_for(lambda _: [m for m in there.from_bot if MARK not in m.content], 60)
        assert await program.stop() == 0
    finally:
        await program.stop(kill=True)
    rows = program.rows(
        "SELECT platform, state FROM replies JOIN places ON places.id = place_id ORDER BY platform"
    )
    assert rows == [("discord", "delivered"), ("slack", "delivered")]
    assert "Traceback" not in "".join(program.said)


@pytest.mark.slow
async def test_slack_out_of_reach_is_reported_and_discord_goes_on(
    discord_server: DiscordServer, tiny_llama: Path, tmp_path: Path
) -> None:
    guild = discord_server.guild()
    channel, ann = guild.channel("knots"), guild.member("Ann")
    program = both(discord_server, tmp_path, tiny_llama, "http://127.0.0.1:1/api/", "xoxb-loopback")
    await program.start()
    try:
        await ann.mentions(channel, "hello")
        await channel.wait_for(lambda _: [m for m in channel.from_bot if MARK not in m.content], 60)
        assert await program.stop() == 0
    finally:
        await program.stop(kill=True)
    said = "".join(program.said)
    assert "trying again" in said
    assert "Traceback" not in said
    assert "xoxb-loopback" not in said
