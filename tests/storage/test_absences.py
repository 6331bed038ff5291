"""What was heard, and where."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from bot.values import Place
from storage import SqlStore, open_store, upgrade
from storage.records import SqlRecords
from tests.storage.given import ANA, NOON, PLACE, THREAD, claimed, said
from tests.storage.test_schema import DUMP

ELSEWHERE = Place("discord", "guild", "channel2")
UNUSED = Place("discord", "guild", "channel3")
DIRECT = Place("discord", "@me", "77", private=True)


async def test_the_time_heard_only_moves_forward_and_on_its_platform(store: SqlStore) -> None:
    assert await store.heard_until("discord") is None
    await store.note_heard("discord", NOON)
    await store.note_heard("discord", NOON - timedelta(hours=1))
    await store.note_heard("slack", NOON + timedelta(hours=1))
    assert await store.heard_until("discord") == NOON
    await store.note_heard("discord", NOON + timedelta(minutes=1))
    assert await store.heard_until("discord") == NOON + timedelta(minutes=1)


async def test_places_that_were_looked_through_are_known_until_the_time_heard_is_as_late(
    store: SqlStore,
) -> None:
    elsewhere = Place("discordant", "guild", "channel")
    for place in (PLACE, THREAD, elsewhere, THREAD):
        await store.note_looked(place, NOON)
    assert await store.looked_through("discord") == {PLACE.id: NOON, THREAD.id: NOON}
    await store.note_heard("discord", NOON - timedelta(seconds=1))
    assert len(await store.looked_through("discord")) == 2
    await store.note_heard("discord", NOON)
    assert await store.looked_through("discord") == {}
    assert await store.looked_through("discordant") == {elsewhere.id: NOON}
    assert await store.heard_until("discord") == NOON


async def test_many_messages_are_asked_for_at_once(store: SqlStore) -> None:
    for number in (1, 700):
        await claimed(store, f"m{number}")
    ids = [f"m{number}" for number in range(1000)]
    assert await store.claimed("discord", "guild", ids) == {"m1", "m700"}
    assert await store.claimed("discord", "other", ids) == set()


async def test_channels_are_familiar_by_talk_or_settings_the_newest_first(store: SqlStore) -> None:
    threads = [replace(ELSEWHERE, thread=f"t{number}") for number in range(3)]
    for number, place in enumerate([PLACE, DIRECT, *threads, THREAD]):
        await claimed(store, f"m{number}", place=place)
    await SqlRecords(store.database).set_settings(UNUSED.id, {"when": "always"}, ANA)
    found = await store.familiar("discord", channels=9, threads=2)
    assert found == [THREAD, PLACE, threads[2], threads[1], UNUSED]
    assert await store.familiar("discord", channels=1, threads=9) == [THREAD, PLACE, UNUSED]
    assert await store.familiar("slack", channels=9, threads=9) == []


async def test_direct_places_are_found_however_many_others_are_newer(store: SqlStore) -> None:
    other = replace(DIRECT, channel="78")
    for number, place in enumerate([DIRECT, other, PLACE, THREAD, ELSEWHERE]):
        await claimed(store, f"m{number}", place=place)
    assert await store.direct("discord", limit=1) == [other]
    assert await store.direct("discord", limit=9) == [other, DIRECT]
    assert await store.direct("slack", limit=9) == []


async def test_what_was_said_in_a_channel_is_found_with_its_threads_and_no_neighbour(
    store: SqlStore,
) -> None:
    for number, place in enumerate([PLACE, THREAD, ELSEWHERE, DIRECT]):
        await claimed(store, f"m{number}", place=place)
    await store.claim(replace(said("old"), said_at=NOON - timedelta(days=1)))
    found = await store.said_since(PLACE, NOON)
    assert sorted(found, key=lambda each: each[1]) == [(PLACE, "m0"), (THREAD, "m1")]
    assert await store.said_since(DIRECT, NOON) == [(DIRECT, "m3")]


async def test_an_older_database_was_last_heard_when_something_was_claimed(tmp_path: Path) -> None:
    file = tmp_path / "old.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(DUMP.read_text(encoding="utf-8"))
        [newest] = connection.execute("SELECT max(claimed_at) FROM claims").fetchone()
    await upgrade(f"sqlite:///{file}")
    store = await open_store(f"sqlite:///{file}")
    try:
        until = await store.heard_until("discord")
    finally:
        await store.close()
    assert until is not None
    assert until.replace(tzinfo=None).isoformat(sep=" ") == newest.removesuffix("+00:00")
