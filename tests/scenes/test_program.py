"""The real program with a real model: answers, is killed in mid-reply, leaves nothing undone."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.reply.messages import MARKER
from bot.text.honest import honest
from tests.loopback.discord import Channel, DiscordServer, Message
from tests.scenes.program import Program, running

MARK = MARKER.strip()


def finished(channel: Channel) -> Message | None:
    """The bot's last message, once no message of its shows the mark of an unfinished answer."""
    said = channel.from_bot
    return said[-1] if said and not any(MARK in m.content for m in said) else None


async def test_a_real_model_answers_by_edits_and_what_stands_is_what_is_stored(
    discord_server: DiscordServer, tiny_llama: Path, tmp_path: Path
) -> None:
    guild = discord_server.guild()
    channel, ann = guild.channel("knots"), guild.member("Ann")
    async with running(discord_server, tmp_path, tiny_llama, tokens=300) as program:
        question = await ann.mentions(channel, "hello")
        answer = await channel.wait_for(lambda _: finished(channel), timeout=60)
        assert answer.reference is question
        assert await program.stop() == 0
        assert program.rows("SELECT state FROM replies") == [("delivered",)]
        ((text,),) = program.rows("SELECT text FROM turns WHERE role = 'assistant'")
    assert len(str(text)) > 100
    assert " ".join(answer.content.split()) == " ".join(honest(str(text)).split())
    assert discord_server.limits.total_refused == 0
    assert [line for line in program.said if "rror" in line] == []


@pytest.mark.slow
async def test_killed_in_mid_reply_it_finishes_into_the_same_message_after_a_restart(
    discord_server: DiscordServer, tiny_llama: Path, tmp_path: Path
) -> None:
    guild = discord_server.guild()
    channel, ann = guild.channel("knots"), guild.member("Ann")
    async with running(discord_server, tmp_path, tiny_llama, tokens=1000) as program:
        await ann.mentions(channel, "a long story")
        await channel.wait_for(lambda _: [m for m in channel.from_bot if MARK in m.content], 60)
        first = channel.from_bot[0].id
        assert await program.stop(kill=True) < 0
        ((state,),) = program.rows("SELECT state FROM replies")
        assert state in ("queued", "generating")  # a slow disk holds no answer up
        assert MARK in channel.from_bot[-1].content

        await program.start()
        await channel.wait_for(lambda _: finished(channel), timeout=90)
        assert await program.stop() == 0
        assert program.rows("SELECT state FROM replies") == [("delivered",)]
        texts = program.rows("SELECT text FROM turns WHERE role = 'assistant'")
    assert channel.from_bot[0].id == first
    assert len(texts) == 1
    assert MARK not in str(texts[0][0])
    shown = "".join("".join(m.content for m in channel.from_bot).split())
    assert shown == "".join(honest(str(texts[0][0])).split())


@pytest.mark.slow
async def test_asked_to_stop_it_finishes_what_it_is_saying(
    discord_server: DiscordServer, tiny_llama: Path, tmp_path: Path
) -> None:
    guild = discord_server.guild()
    channel, ann = guild.channel("knots"), guild.member("Ann")
    async with running(discord_server, tmp_path, tiny_llama, tokens=400) as program:
        await ann.mentions(channel, "hello")
        await channel.wait_for(lambda _: channel.from_bot, timeout=60)
        assert await program.stop() == 0
        assert program.rows("SELECT state FROM replies") == [("delivered",)]
    assert finished(channel) is not None


@pytest.mark.slow
async def test_a_wrong_token_is_one_clear_line_and_no_traceback(
    tiny_llama: Path, tmp_path: Path
) -> None:
    async with DiscordServer(token="the.right.token") as server:
        program = Program(server, tmp_path, tiny_llama, token="a.wrong.token")
        await program.launch()
        code = await program.ended()
    assert code != 0
    said = "".join(program.said)
    assert "Traceback" not in said
    assert "does not accept the bot token" in said
    assert "a.wrong.token" not in said
