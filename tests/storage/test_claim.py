from __future__ import annotations

import asyncio
import signal
import sqlite3
import sys
from dataclasses import replace
from datetime import timedelta, timezone

import pytest
from structlog.testing import capture_logs

from bot.errors import StorageError
from bot.values import ReplyState, Role
from storage import SqlStore, open_store
from tests.storage.given import ANA, NOON, PLACE, THREAD, claimed, said


async def test_twenty_claimers_of_two_processes_claim_a_message_once(url: str) -> None:
    stores = [await open_store(url) for _ in range(2)]
    replies = await asyncio.gather(*(stores[i % 2].claim(said("m1")) for i in range(20)))
    won = [reply for reply in replies if reply is not None]
    assert len(won) == 1
    for store in stores:
        assert len(await store.history(PLACE, won[0].id)) == 1
        await store.close()


async def test_many_messages_at_once_are_all_claimed(url: str) -> None:
    stores = [await open_store(url) for _ in range(2)]
    replies = await asyncio.gather(*(stores[i % 2].claim(said(f"m{i}")) for i in range(40)))
    assert len({reply.id for reply in replies if reply}) == 40
    for store in stores:
        await store.close()


async def test_a_claim_opens_a_reply_to_what_was_said(store: SqlStore) -> None:
    reply = await store.claim(said("m1", text="good morning"))
    assert reply is not None
    assert (reply.state, reply.author, reply.message_id) == (ReplyState.CLAIMED, ANA, "m1")
    [turn] = await store.history(PLACE, reply.id)
    assert (turn.role, turn.text, turn.author) == (Role.USER, "good morning", ANA)


async def test_one_message_is_claimed_once_whichever_place_it_is_seen_in(store: SqlStore) -> None:
    assert await store.claim(said("m1")) is not None
    assert await store.claim(said("m1", place=THREAD)) is None
    assert await store.claim(said("m1", place=replace(PLACE, workspace="other"))) is not None


DIES_AT_ONCE = """
import asyncio, os, signal, sys
import pytest
from structlog.testing import capture_logs

from bot.errors import StorageError
from bot.values import ReplyState
from storage import open_store
from tests.storage.given import claimed

async def main():
    store = await open_store(sys.argv[1])
    await claimed(store, "m1")
    reply = await claimed(store, "m2")
    await store.advance(reply.id, ReplyState.GENERATING)
    await store.flush(reply.id, "So far")
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


async def test_a_killed_process_loses_nothing_that_it_wrote(url: str) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", DIES_AT_ONCE, url)
    assert await process.wait() == -signal.SIGKILL
    store = await open_store(url)
    found = [(r.message_id, r.state, r.text) for r in await store.unfinished("discord")]
    assert found == [
        ("m1", ReplyState.CLAIMED, ""),
        ("m2", ReplyState.GENERATING, "So far"),
    ]
    await store.close()


async def test_what_was_claimed_is_there_for_the_next_process(store: SqlStore, url: str) -> None:
    """The first store is never closed properly before the second one looks."""
    reply = await claimed(store, "m1")
    second = await open_store(url)
    assert await second.unfinished("discord") == [reply]
    assert await second.claim(said("m1")) is None
    await second.close()


async def test_a_cancelled_claim_is_whole_or_absent_and_the_store_goes_on(store: SqlStore) -> None:
    task = asyncio.create_task(store.claim(said("m1")))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    again = await store.claim(said("m1"))
    [reply] = await store.unfinished("discord")
    assert again in (None, reply)
    assert len(await store.history(PLACE, reply.id)) == 1


async def test_who_is_still_at_work_when_the_store_closes_is_refused(url: str) -> None:
    store = await open_store(url)
    before = asyncio.create_task(store.claim(said("m1")))
    await asyncio.sleep(0)
    await store.close()
    assert await before is not None
    for work in (store.claim(said("m2")), store.unfinished("discord")):
        with pytest.raises(StorageError, match="is closed"):
            await work


async def test_a_transaction_that_fails_after_its_caller_left_is_logged(
    store: SqlStore, raw: sqlite3.Connection
) -> None:
    raw.execute("DROP TABLE turns")
    with capture_logs() as logs:
        task = asyncio.create_task(store.claim(said("m1")))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await store.close()
    assert [entry["log_level"] for entry in logs] == ["error"]
    assert "quipu db upgrade" in logs[0]["error"]


async def test_times_are_kept_in_utc_and_come_back_with_their_zone(
    store: SqlStore, raw: sqlite3.Connection
) -> None:
    east = replace(said("m1"), said_at=NOON.astimezone(timezone(timedelta(hours=5))))
    reply = await store.claim(east)
    [again] = await store.unfinished("discord")
    assert reply is not None
    assert again.claimed_at == reply.claimed_at
    assert again.claimed_at.utcoffset() == timedelta(0)
    assert raw.execute("SELECT said_at FROM turns").fetchone()[0].startswith("2025-06-01 12:00:00")


async def test_text_that_no_database_takes_is_made_storable(store: SqlStore) -> None:
    author = replace(ANA, name="half \ud83d")
    reply = await store.claim(said("m1", author=author, text="nul \0, half \udc26, bird 🐦"))
    assert reply is not None
    [turn] = await store.history(PLACE, reply.id)
    assert turn.text == "nul \ufffd, half \ufffd, bird 🐦"
    assert turn.author == replace(ANA, name="half \ufffd")


async def test_a_database_in_memory_works_for_many_at_once() -> None:
    store = await open_store("sqlite://")
    replies = await asyncio.gather(*(store.claim(said(f"m{i % 10}")) for i in range(20)))
    found = await asyncio.gather(*(store.unfinished("discord") for _ in range(5)))
    assert [len(replies_) for replies_ in found] == [10] * 5
    assert sum(reply is not None for reply in replies) == 10
    await store.close()
