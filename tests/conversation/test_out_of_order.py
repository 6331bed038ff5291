"""A database that fails between two steps: what was promised is kept, and promised once."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

from bot.control.words import say
from bot.errors import OutOfOrder, PlatformError
from bot.operation.facts import MessageRefused
from bot.values import ReplyState
from tests.board import ScriptedGenerator
from tests.conversation.conftest import ANN, BOB, CHIEF, Build, House
from tests.conversation.test_conversations import states
from tests.conversation.test_life import Notes
from tests.conversation.test_missed import back, said
from tests.storage.breaking import broken

DECLINED = say("conversation.failure.OutOfOrder")


async def test_who_cannot_be_refused_because_the_database_fails_is_answered(build: Build) -> None:
    go = asyncio.Event()
    house = await build(ScriptedGenerator(lambda _: ["x", go, "."]), waiting=1)
    house.conversations.attach(house.board)
    for author in (ANN, BOB):
        await house.say("hi", author)
    await house.board.until(lambda: len(house.board.posted) == 1)
    house.board.gate.clear()
    refused = asyncio.create_task(house.say("hi", CHIEF))
    await house.board.until(lambda: house.board.in_flight == 1)
    async with broken("read-only", house.store.database, house.file):
        house.board.gate.set()
        await refused
    await house.store.well()
    go.set()
    await house.quiet(3)
    assert house.board.texts == ["x."] * 3
    assert await states(house) == [ReplyState.DELIVERED] * 3
    with closing(sqlite3.connect(house.file)) as database:
        parts = database.execute("SELECT message_id FROM reply_parts").fetchall()
    assert {number for (number,) in parts} == {each.id for each in house.board.posted}


async def declined(house: House) -> None:
    """Somebody writes while nothing can be kept."""
    async with broken("read-only", house.store.database, house.file):
        await house.say("message 1", message_id="1")
    await house.store.well()


async def found(house: House) -> None:
    """The message is found by the search for what was missed."""
    await (await back(house)).take([said(1)])
    await house.idle()


async def test_what_was_declined_is_not_answered_too_when_it_is_found(house: House) -> None:
    await declined(house)
    await house.say("message 1", message_id="1")
    await found(house)
    assert house.board.texts == [DECLINED]
    assert await states(house) == []


async def test_who_is_declined_is_counted(build: Build) -> None:
    notes = Notes()
    house = await build(observer=notes)
    house.conversations.attach(house.board)
    await declined(house)
    assert notes.facts == [MessageRefused("discord", "database")]


async def test_what_could_not_even_be_declined_is_answered_when_it_is_found(house: House) -> None:
    house.board.failures.append(PlatformError("away"))
    with pytest.raises(OutOfOrder):
        await declined(house)
    await house.store.well()
    await found(house)
    assert house.board.texts == ["You said: Ann: message 1"]


async def test_what_was_declined_before_a_restart_is_answered_once(build: Build) -> None:
    first = await build()
    first.conversations.attach(first.board)
    await declined(first)
    second = await build()
    second.conversations.attach(second.board)
    for _ in range(2):
        await found(second)
    assert second.board.texts == [DECLINED, "You said: Ann: message 1"]
