"""The real program and its database file: used by two, locked, and killed meanwhile."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.control.words import say
from tests.loopback.discord import DiscordServer
from tests.scenes.program import Program, running
from tests.scenes.test_program import finished
from tests.storage.breaking import locked

pytestmark = pytest.mark.slow


async def test_a_second_program_on_the_same_file_ends_with_one_line(
    discord_server: DiscordServer, tiny_llama: Path, tmp_path: Path
) -> None:
    channel, ann = discord_server.guild().channel("knots"), discord_server.guild().member("Ann")
    async with running(discord_server, tmp_path, tiny_llama, tokens=60) as program:
        second = Program(discord_server, tmp_path, tiny_llama)
        await second.launch()
        assert await second.ended() == 1
        [line] = [line for line in second.said if line.startswith("quipu: ")]
        assert program.process is not None
        assert f"another Quipu (process {program.process.pid}) is running on it" in line
        await ann.mentions(channel, "hello")
        await channel.wait_for(lambda _: finished(channel), timeout=60)
        assert len(channel.from_bot) == 1


async def test_killed_while_the_database_is_locked_it_answers_after_the_next_start(
    discord_server: DiscordServer, tiny_llama: Path, tmp_path: Path
) -> None:
    guild = discord_server.guild()
    channel, other, ann = guild.channel("knots"), guild.channel("other"), guild.member("Ann")
    async with running(discord_server, tmp_path, tiny_llama, tokens=400) as program:
        await ann.mentions(channel, "a long story")
        await channel.wait_for(lambda _: channel.from_bot, timeout=60)
        async with locked(program.file):
            await ann.mentions(other, "are you there?")
            declined = say("conversation.failure.OutOfOrder")
            await other.wait_for(lambda _: [m for m in other.from_bot if declined in m.content], 60)
            await program.stop(kill=True)
        await program.start()
        await channel.wait_for(lambda _: finished(channel), timeout=90)
        # What was declined was not taken, so it is found like what was missed while away.
        await other.wait_for(lambda _: len(other.from_bot) > 1 and finished(other), timeout=90)
        assert await program.stop() == 0
        assert program.rows("SELECT state FROM replies") == [("delivered",)] * 2
        assert program.rows("PRAGMA integrity_check") == [("ok",)]
    alarms = [line for line in program.said if "the database is out of order" in line]
    assert len(alarms) == 1
