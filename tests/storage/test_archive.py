from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bot.values import ReplyState
from storage import SqlStore
from storage.records import SqlRecords
from tests.storage.given import (
    ANA,
    BEN,
    FINISH,
    NOON,
    PLACE,
    PROMPT,
    THREAD,
    answer,
    claimed,
    judged,
    said,
    texts,
    used,
)


async def test_a_channel_is_exported_with_its_threads(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    await answer(store, await claimed(store, "m1"), "Hello.")
    await answer(store, await claimed(store, "m2", place=THREAD), "Again.")
    await records.set_settings(PLACE.id, {"when": "always"}, ANA)
    export = json.loads(json.dumps(await records.export_place(THREAD)))
    assert export["scope"] == PLACE.id
    assert [turn["text"] for turn in export["turns"]] == [
        "text of m1",
        "Hello.",
        "text of m2",
        "Again.",
    ]
    assert [s["key"] for s in export["settings"]] == ["when"]


async def test_closed_threads_are_left_out_unless_all_are_meant(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    closed = replace(THREAD, thread="closed", closed=True)
    for number, place in enumerate([PLACE, THREAD, closed]):
        await answer(store, await claimed(store, f"m{number}", place=place), "Hello.")
        await records.set_settings(place.id, {"seed": number}, ANA)
    assert await records.closed_threads(PLACE) == 1
    assert await records.closed_threads(closed) == 0
    for here, all_of_it, seeds in (
        (PLACE, False, {0, 1}),
        (closed, False, {0, 1, 2}),
        (PLACE, True, {0, 1, 2}),
    ):
        export = await records.export_place(here, every_thread=all_of_it)
        assert {one["value"] for one in export["settings"]} == seeds
        assert len(export["places"]) == len(seeds)
        assert len(export["audit"]) == len(seeds)
        assert len(export["turns"]) == 2 * len(seeds)
    assert await records.forget_place(PLACE, every_thread=False) == 4
    assert await records.forget_place(PLACE) == 2


async def test_that_a_thread_is_closed_is_noted_when_somebody_writes_and_not_lost_again(
    store: SqlStore, file: Path
) -> None:
    records = SqlRecords(store.database)
    await claimed(store, "m1", place=THREAD)
    await records.set_settings(THREAD.id, {"seed": 1}, ANA)

    def unknown() -> None:
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute("UPDATE places SET closed = NULL")

    unknown()
    assert await records.closed_threads(PLACE) == 1
    await claimed(store, "m2", place=THREAD)
    assert await records.closed_threads(PLACE) == 0
    await claimed(store, "m3", place=replace(THREAD, closed=True))
    assert await records.closed_threads(PLACE) == 1
    await claimed(store, "m4", place=THREAD)
    assert await records.closed_threads(PLACE) == 1


async def test_a_wiped_channel_begins_anew_and_other_channels_stay(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    elsewhere = PLACE.__class__("discord", "guild", "channel2")
    for number, place in enumerate([PLACE, THREAD, elsewhere]):
        await answer(store, await claimed(store, f"m{number}", place=place), "Hello.")
    running = await claimed(store, "running")
    assert await records.forget_place(THREAD) == 4
    assert await texts(store, running) == ["text of running"]
    assert await texts(store, await claimed(store, "m9", place=elsewhere)) == [
        "text of m2",
        "Hello.",
        "text of m9",
    ]


async def test_retention_deletes_what_ended_before_and_nothing_else(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    await answer(store, await claimed(store, "old"), "Hello.")
    running = await claimed(store, "running")
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert await records.purge("discord:guild", datetime.now(UTC) - timedelta(days=1)) == 0
    assert await records.purge("slack:guild", tomorrow) == 0
    assert await records.purge("discord:guild", tomorrow) == 2
    assert await texts(store, running) == ["text of running"]
    await store.end(running.id, ReplyState.STOPPED)


async def test_retention_takes_the_prompts_that_hold_what_it_deletes(
    store: SqlStore, raw: sqlite3.Connection
) -> None:
    long_ago = SqlStore(store.database, lambda: NOON)
    await judged(long_ago, "m1", ANA, kept=1)
    await judged(store, "m2", BEN, kept=3)
    younger = await judged(store, "m3", BEN, kept=2)
    running = await claimed(store, "running")
    await store.advance(running.id, ReplyState.GENERATING)
    before = NOON + timedelta(days=1)
    assert await SqlRecords(store.database).purge_places([PLACE.id], before) == 2
    await store.complete(running.id, "Made of all that.", FINISH, PROMPT)
    await store.end(running.id, ReplyState.DELIVERED)
    following = await judged(store, "m4", BEN, kept=7)
    prompts = raw.execute("SELECT reply_id FROM prompts").fetchall()
    assert [row["reply_id"] for row in prompts] == [younger.id, following.id]


async def test_where_retention_deletes_nothing_a_running_answer_keeps_its_prompt(
    store: SqlStore, raw: sqlite3.Connection
) -> None:
    running = await claimed(store, "m1")
    await store.advance(running.id, ReplyState.QUEUED)
    await store.advance(running.id, ReplyState.GENERATING)
    long_ago = datetime.now(UTC) - timedelta(days=9)
    assert await SqlRecords(store.database).purge_places([PLACE.id], long_ago) == 0
    await store.complete(running.id, "Hello.", FINISH, PROMPT)
    assert len(raw.execute("SELECT * FROM prompts").fetchall()) == 1


async def test_a_scope_is_no_pattern(store: SqlStore) -> None:
    """An underscore or a per cent sign in an id stands for itself."""
    records = SqlRecords(store.database)
    for channel in ("a_b", "axb"):
        place = PLACE.__class__("discord", "guild", channel, "t")
        await answer(store, await claimed(store, channel, place=place), "Hello.")
    assert await records.forget_place(PLACE.__class__("discord", "guild", "a_b")) == 2


async def test_use_is_counted_by_day_person_and_channel(still: SqlStore) -> None:
    records = SqlRecords(still.database, lambda: NOON)
    await answer(still, await claimed(still, "m1"), "Hello.")
    await answer(still, await claimed(still, "m2", place=THREAD), "Hello.")
    ben = await still.claim(said("m3", author=BEN))
    assert ben is not None
    await answer(still, ben, "Hello.")
    today = NOON.date()
    each = FINISH.tokens + FINISH.prompt_tokens
    mine, channel = await used(records, ANA, today)
    assert (mine.messages, mine.tokens) == (2, 2 * each)
    assert (channel.messages, channel.tokens) == (3, 3 * each)
    assert await used(records, ANA, today - timedelta(days=1)) == (type(mine)(), type(mine)())
    totals = await records.totals(today)
    assert [(day["replies"], day["people"], day["places"]) for day in totals["days"]] == [(3, 2, 2)]
    assert totals["replies"] == {"delivered": 3}
