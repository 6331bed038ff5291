"""The database as a PostgreSQL: what happens there alone."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.engine import Engine
from sqlalchemy.util import await_only
from structlog.testing import capture_logs

from bot.control.records import Verdict, Vote
from bot.errors import OutOfOrder
from bot.values import Place, ReplyState
from storage import SqlStore, current_revision, open_store, upgrade
from storage.records import SqlRecords
from tests.storage.given import ANA, BEN, FINISH, NOON, PLACE, PROMPT, THREAD, claimed, said
from tests.storage.postgresql import Server, postgresql

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BUSY = 60.0
"""Seconds for what takes none unless the machine is busy; then a test fails, and does not hang."""

Firsts = Callable[[SqlStore, SqlRecords, Place, list[int]], tuple[Awaitable[object], ...]]
FIRSTS: dict[str, Firsts] = {
    "people": lambda _store, records, place, _replies: (
        records.keep_locale("discord", place.channel, "de"),
        records.use_feedback("discord", place.channel, False),
    ),
    "votes": lambda _store, records, _place, replies: (
        records.vote(Vote(replies[0], 1, BEN, Verdict.UP)),
        records.vote(Vote(replies[0], 1, BEN, Verdict.DOWN)),
    ),
    "settings": lambda _store, records, place, _replies: (
        records.set_settings(place.id, {"seed": 1}, ANA),
        records.set_settings(place.id, {"seed": 2}, BEN),
    ),
    "personas": lambda store, _records, place, _replies: (
        store.set_persona(place.id, "You are a raven.", ANA),
        store.set_persona(place.id, "You are a crow.", BEN),
    ),
}
"""Two that write the same row of a table, where neither finds it."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    # Not pytest's folder, into which nobody but its owner may look.
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        with postgresql(Path(folder)) as server:
            yield server


@pytest.fixture
async def store(server: Server) -> AsyncIterator[SqlStore]:
    await upgrade(server.url)
    store = await open_store(server.url, busy=BUSY, again=0.05)
    yield store
    await store.close()


async def test_a_conversation_is_kept(store: SqlStore, server: Server) -> None:
    assert await current_revision(server.url)
    reply = await claimed(store, "kept")
    await store.flush(reply.id, "a text")
    assert reply.id in [each.id for each in await store.unfinished("discord")]
    assert await store.claim(said("kept")) is None
    await store.end(reply.id, ReplyState.DELIVERED)
    assert reply.id not in [each.id for each in await store.unfinished("discord")]
    assert (await store.size() or 0) > 0


async def test_places_are_found_whatever_language_the_database_orders_texts_in(
    store: SqlStore,
) -> None:
    for place in (PLACE, THREAD, Place("discordant", "guild", "channel")):
        await store.note_looked(place, NOON)
        await claimed(store, f"in {place.id}", place=place)
    assert await store.looked_through("discord") == {PLACE.id: NOON, THREAD.id: NOON}
    said_there = {where for where, _ in await store.said_since(PLACE, NOON)}
    assert said_there == {PLACE, THREAD}
    await store.note_heard("discord", NOON)
    assert await store.looked_through("discord") == {}


async def test_of_two_that_wait_for_each_other_the_one_that_is_undone_is_done_again(
    store: SqlStore,
) -> None:
    ids = [(await claimed(store, f"each {number}")).id for number in range(2)]
    both = asyncio.Barrier(2)
    change = text("UPDATE replies SET text = :words WHERE id = :id")

    async def cross(first: int, second: int, words: str) -> int:
        """How often it was tried."""
        tries = 0

        def work(connection: Connection) -> None:
            nonlocal tries
            tries += 1
            connection.execute(change, {"words": words, "id": first})
            if tries == 1:
                await_only(asyncio.wait_for(both.wait(), BUSY))
            connection.execute(change, {"words": words, "id": second})

        await store.database.write(work)
        return tries

    tries = await asyncio.gather(cross(ids[0], ids[1], "one"), cross(ids[1], ids[0], "other"))
    # Whoever is undone may be first again, and then the other one is, too.
    assert max(tries) > 1


@pytest.mark.parametrize("table", FIRSTS)
async def test_of_two_that_save_the_first_of_something_at_once_both_are_heard(
    store: SqlStore, table: str
) -> None:
    place = Place("discord", "guild", f"with {table}")
    replies = [(await claimed(store, f"{table} {number}", place=place)).id for number in range(2)]
    await store.complete(replies[0], "Yes.", FINISH, PROMPT)
    both, inserts = asyncio.Barrier(2), 0

    def meet(_connection: Any, _cursor: Any, sql: str, *_rest: Any) -> None:
        nonlocal inserts
        if sql.startswith(f"INSERT INTO {table} "):
            inserts += 1
            if inserts <= 2:
                await_only(asyncio.wait_for(both.wait(), BUSY))

    event.listen(Engine, "before_cursor_execute", meet)
    try:
        await asyncio.gather(*FIRSTS[table](store, SqlRecords(store.database), place, replies))
    finally:
        event.remove(Engine, "before_cursor_execute", meet)
    assert inserts >= 2
    assert store.trouble is None


async def test_a_server_that_ends_is_one_alarm_and_is_found_again(
    store: SqlStore, server: Server
) -> None:
    reply = await claimed(store, "before")
    with capture_logs() as lines:
        server.stop()
        with pytest.raises(OutOfOrder):
            await store.flush(reply.id, "x")
        with pytest.raises(OutOfOrder):
            await store.claim(said("meanwhile"))
        server.start()
        async with asyncio.timeout(60):
            await store.well()
    await store.flush(reply.id, "y")
    loud = [line["event"] for line in lines if line["log_level"] in ("error", "warning")]
    assert loud == ["the database is out of order", "the database works again"]


async def test_a_server_that_answers_nobody_is_out_of_order_and_no_one_waits_for_ever(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.database.ANSWER_SECONDS", 1.0)
    store = await open_store(server.url, busy=2.0, again=0.05)
    try:
        with pytest.raises(OutOfOrder):
            await store.database.write(lambda each: each.execute(text("SELECT pg_sleep(60)")))
    finally:
        await store.close()


async def test_work_on_very_much_may_take_long_and_is_no_trouble_for_others(
    server: Server, store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = await claimed(store, "much")
    monkeypatch.setattr("storage.database.ANSWER_SECONDS", 0.1)
    slow = await open_store(server.url, busy=BUSY)
    records = SqlRecords(slow.database)
    today = NOON.date()
    event.listen(Engine, "begin", _dawdle)
    try:
        await records.examples(opted_out=await records.opted_out())
        assert (await records.stored("discord", ANA.id)).messages > 0
        assert (await records.export_person("discord", ANA.id))["turns"]
        assert (await records.export_place(PLACE))["turns"]
        assert await records.totals(today)
        assert PLACE.id in await records.places()
        for each in (
            records.forget_person("discord", ANA.id),
            records.purge(PLACE.id, NOON),
            records.purge_places([PLACE.id], NOON),
            records.forget_prompts(NOON),
            records.settle_use(today),
            records.forget_place(PLACE),
        ):
            await each
        assert slow.trouble is None
        with pytest.raises(OutOfOrder):
            await slow.flush(reply.id, "x")
    finally:
        event.remove(Engine, "begin", _dawdle)
        await slow.close()


async def test_more_work_on_very_much_than_is_done_at_once_waits_for_its_turn(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.database.LONG_AT_ONCE", 1)
    store = await open_store(server.url, busy=BUSY)
    begun, go_on = asyncio.Event(), asyncio.Event()

    def long(_connection: Connection) -> None:
        begun.set()
        await_only(asyncio.wait_for(go_on.wait(), BUSY))

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(store.database.write_much(long))
            await begun.wait()
            second = tasks.create_task(store.database.read_much(lambda _: go_on.is_set()))
            await store.check()
            go_on.set()
        assert second.result()
    finally:
        await store.close()


def _dawdle(connection: Connection) -> None:
    connection.exec_driver_sql("SELECT pg_sleep(0.2)")
