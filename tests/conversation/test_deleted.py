"""A question that is deleted while its answer is being given."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

from bot.conversation.answering import DELETED
from bot.reply.messages import MARKER
from bot.values import Prompt
from tests.board import ScriptedGenerator
from tests.conversation.conftest import CHANNEL, Build, House


def ending(house: House) -> tuple[str, str]:
    with closing(sqlite3.connect(house.file)) as database:
        [row] = database.execute("SELECT state, reason FROM replies")
    return str(row[0]), str(row[1])


async def test_a_message_deleted_while_it_is_answered_stops_the_answer(build: Build) -> None:
    house = await build(ScriptedGenerator(lambda _: ["Once", asyncio.Event(), " upon a time."]))
    house.conversations.attach(house.board)
    message = await house.say("a story")
    await house.board.until(lambda: house.board.texts == [f"Once{MARKER}"])
    await house.conversations.withdraw(CHANNEL, message)
    await house.quiet(1)
    assert house.board.texts == ["Once"]
    assert ending(house)[0] == "stopped"


async def test_a_message_deleted_before_the_first_word_gets_none(build: Build) -> None:
    asked = asyncio.Event()

    def script(_: Prompt) -> list[str | asyncio.Event]:
        asked.set()
        return [asyncio.Event(), "Once"]

    house = await build(ScriptedGenerator(script))
    house.conversations.attach(house.board)
    message = await house.say("a story")
    await asked.wait()
    await house.conversations.withdraw(CHANNEL, message)
    await house.quiet(1)
    assert house.board.posted == []
    assert ending(house) == ("stopped", DELETED)
