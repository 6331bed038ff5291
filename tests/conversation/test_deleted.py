"""A question that is deleted while its answer is being given."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

from bot.conversation.answering import DELETED
from bot.conversation.keeping import Afterwards
from bot.errors import OutOfOrder
from bot.reply.messages import MARKER
from bot.values import Prompt
from tests.board import ScriptedGenerator
from tests.conversation.conftest import CHANNEL, Build, House
from tests.storage.breaking import broken


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


async def test_a_deletion_that_waited_for_the_database_holds_up_no_answer(house: House) -> None:
    house.board.limit = 40
    await house.say("tell me of all the knots")
    await house.idle()
    first, second = house.board.posted
    async with broken("read-only", house.store.database, house.file):
        await house.conversations.withdraw(CHANNEL, first.id)
    house.board.gate.clear()
    await house.store.well()
    await house.say("hello again")
    # One request takes the rest of the old answer back, the other brings the new one.
    await house.board.until(lambda: house.board.in_flight == 2)
    house.board.gate.set()
    await house.idle()
    assert second.deleted
    assert len(house.generator.prompts) == 2


async def test_what_nobody_foresaw_keeps_no_later_change_from_being_made(house: House) -> None:
    afterwards, done = Afterwards(house.store), list[str]()
    tries = iter([OutOfOrder("away"), ValueError("who knows")])

    async def unforeseen() -> None:
        raise next(tries)

    async def later() -> None:
        done.append("later")

    await afterwards.do(unforeseen)
    await afterwards.do(later)
    await afterwards.settled()
    await afterwards.do(later)
    assert done == ["later", "later"]
