"""What Discord does not let the bot do is said where somebody sets it, and on the page."""

from __future__ import annotations

import pytest

from tests.loopback.discord import Channel
from tests.scenes.conftest import Town

ALL_MESSAGES = "set `message_content` in my configuration"
THREADS = "I need the permissions Create Public Threads and Send Messages in Threads"


async def used(town: Town, command: str, where: Channel | None = None, **given: object) -> str:
    used = await town.chief.runs_command(command, where or town.channel, given)
    return (await used.answer()).content


async def test_who_wants_every_message_answered_is_told_what_that_takes(cuzco: Town) -> None:
    assert ALL_MESSAGES not in await used(cuzco, "settings")
    told = await used(cuzco, "answers", when="always")
    assert "Changed" in told
    assert ALL_MESSAGES in told
    assert ALL_MESSAGES in await used(cuzco, "answers", when="always"), "it was so already"
    assert ALL_MESSAGES in await used(cuzco, "settings")
    assert ALL_MESSAGES not in await used(cuzco, "answers", when="mention")
    assert ALL_MESSAGES not in await used(cuzco, "settings")


async def test_what_is_inherited_is_warned_of_as_well(cuzco: Town) -> None:
    olga = cuzco.guild.member("Olga", manage_guild=True)
    given = {"when": "always", "where": "workspace"}
    await olga.runs_command("answers", cuzco.channel, given)
    await used(cuzco, "answers", when="mention")
    assert ALL_MESSAGES in await used(cuzco, "inherit", setting="when")


async def test_where_every_message_is_read_nobody_is_warned(open_cuzco: Town) -> None:
    told = await used(open_cuzco, "answers", when="always", threads=True)
    assert told.count("\n- ") == 2
    assert "Discord" not in told
    assert THREADS not in told
    assert "message_content" not in await used(open_cuzco, "settings")


@pytest.mark.parametrize("lacking", ["create_public_threads", "send_messages_in_threads"])
async def test_where_the_bot_may_open_no_threads_who_wants_them_is_told_what_that_takes(
    open_cuzco: Town, lacking: str
) -> None:
    aside = await open_cuzco.ann.starts_thread(open_cuzco.channel, "aside")
    open_cuzco.channel.deny(open_cuzco.guild.everyone, lacking)
    for where in (open_cuzco.channel, aside):
        told = await used(open_cuzco, "answers", where, threads=True)
        assert THREADS in told
        assert THREADS in await used(open_cuzco, "settings", where)
    assert THREADS not in await used(open_cuzco, "answers", threads=False)
