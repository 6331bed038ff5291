"""The database fails in the middle of an answer: nothing that was accepted is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from adapters.discord import exchange
from bot.control.response import Call
from bot.control.words import say, told
from bot.errors import OutOfOrder
from bot.reply.messages import MARKER
from bot.values import Author, Place, Standing
from storage import SqlStore
from tests.board import ScriptedGenerator
from tests.loopback.discord import Channel, DiscordServer, Message
from tests.scenes.conftest import Town, town
from tests.storage.breaking import broken, locked

HALTED = say("conversation.halted")
DECLINED = say("conversation.failure.OutOfOrder")
STORY = " ".join(f"word{number}" for number in range(900))
"""Longer than what a full file has room for: it needs pages of its own."""


@pytest.fixture
async def hasty(
    discord_server: DiscordServer, tiny_llama: Path, tmp_path: Path
) -> AsyncIterator[Town]:
    """A town whose database is not waited for long."""
    generator = ScriptedGenerator()
    async with town(discord_server, tiny_llama, tmp_path, generator, busy=0.2, again=0.1) as made:
        yield made


def database(place: Town) -> SqlStore:
    assert isinstance(place.core.store, SqlStore)
    return place.core.store


def loud(lines: list[MutableMapping[str, Any]]) -> list[str]:
    return [line["event"] for line in lines if line["log_level"] not in ("debug", "info")]


async def shows(channel: Channel, words: str, count: int = 1) -> None:
    """Wait until so many of the bot's messages hold these words."""

    def look(_: list[Message]) -> bool:
        return sum(words in message.content for message in channel.from_bot) >= count

    await channel.wait_for(look)


def finished(channel: Channel) -> bool:
    said = [message.content for message in channel.from_bot]
    return bool(said) and not any(HALTED in text or MARKER.strip() in text for text in said)


async def test_a_flood_meanwhile_is_one_alarm_and_keeps_nothing_in_memory(hasty: Town) -> None:
    go = asyncio.Event()
    hasty.generator.script = lambda _: ["Once ", go, STORY]
    store = database(hasty)
    await hasty.ann.mentions(hasty.channel, "a story please")
    await hasty.answer(hasty.channel, f"Once{MARKER}")
    with capture_logs() as lines:
        async with broken("locked", store.database, hasty.file):
            go.set()
            await shows(hasty.channel, HALTED)
            for number in range(4):
                await declined(hasty, number)
                held = hasty.core.conversations
                assert (held.answering, held.waiting) == (1, 0)
            assert len(store.database._running) <= 1  # the probe's own
        await hasty.channel.wait_for(lambda _: finished(hasty.channel))
        await hasty.settled()
    assert loud(lines) == ["the database is out of order", "the database works again"]
    assert hasty.states() == ["delivered"]


async def declined(hasty: Town, number: int) -> None:
    """Thirty people write, and each is told."""
    channels = [hasty.guild.channel(f"c{number}-{i}") for i in range(30)]
    await asyncio.gather(*(hasty.bob.mentions(each, "hello?") for each in channels))
    await asyncio.gather(*(shows(each, DECLINED) for each in channels))


async def test_who_waits_in_a_queue_is_answered_after_the_fault(hasty: Town) -> None:
    go = asyncio.Event()
    hasty.generator.script = lambda prompt: (
        ["For Ann", go, "."] if prompt.text.endswith("Ann: one [/INST]") else ["For Bob."]
    )
    await hasty.ann.mentions(hasty.channel, "one")
    await hasty.answer(hasty.channel, f"For Ann{MARKER}")
    await hasty.bob.mentions(hasty.channel, "two")
    async with asyncio.timeout(30):
        while not hasty.core.conversations.waiting:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0)
    async with broken("read-only", database(hasty).database, hasty.file):
        go.set()
        await shows(hasty.channel, HALTED)
    await hasty.answer(hasty.channel, "For Bob.", count=2)
    await hasty.settled()
    assert [m.content for m in hasty.channel.from_bot] == ["For Ann.", "For Bob."]
    assert hasty.states() == ["delivered", "delivered"]


async def test_what_people_delete_and_edit_meanwhile_is_changed_afterwards(hasty: Town) -> None:
    first = await hasty.ann.dm("my cat is called Tom")
    await hasty.answer(hasty.ann.dms, "You said: my cat is called Tom")
    second = await hasty.ann.dm("and my dog Rex")
    await hasty.answer(hasty.ann.dms, "You said: and my dog Rex", count=2)
    store = database(hasty)
    async with broken("locked", store.database, hasty.file):
        await hasty.bob.mentions(hasty.channel, "hello")
        await shows(hasty.channel, DECLINED)
        await hasty.ann.edits(first, "my cat is called Felix")
        await hasty.ann.deletes(second)
        await hasty.bob.mentions(hasty.channel, "hello again")  # comes after what Ann did
        await shows(hasty.channel, DECLINED, count=2)
    await store.well()
    await hasty.ann.dm("what do you know?")
    await hasty.answer(hasty.ann.dms, "You said: what do you know?", count=3)
    prompt = hasty.generator.prompts[-1].text
    assert "my cat is called Felix [/INST]" in prompt
    assert "[INST] and my dog Rex" not in prompt


async def test_a_command_meanwhile_is_declined_in_the_persons_language(hasty: Town) -> None:
    place, chief = Place("discord", "1", "2"), Author("9", "Chief", Standing.ADMIN)
    call = Call(("persona", "set"), place, chief, "de", {"text": "Be brief."})
    store = database(hasty)
    async with broken("read-only", store.database, hasty.file):
        with pytest.raises(OutOfOrder) as declined:
            await hasty.core.control.carry_out(call)
    assert told(declined.value, "de") == say("conversation.failure.OutOfOrder", "de")
    await store.well()
    await hasty.core.control.carry_out(call)
    assert hasty.rows("SELECT text FROM personas") == [("Be brief.",)]


@pytest.mark.slow
async def test_a_command_that_meets_a_lock_longer_than_discord_waits_is_declined_all_the_same(
    discord_server: DiscordServer,
    tiny_llama: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exchange, "PATIENCE", 1.5)
    discord_server.world.patience = 3.0
    longer = discord_server.world.patience + 1.0
    generator = ScriptedGenerator()
    async with (
        town(discord_server, tiny_llama, tmp_path, generator, busy=longer, again=0.1) as cuzco,
        locked(cuzco.file),
    ):
        text = {"text": "Be brief."}
        used = await cuzco.chief.runs_command("persona set", cuzco.channel, text)
        assert (await used.answer(30)).content == DECLINED
