"""What somebody used goes on counting when they are forgotten, until the day is over."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.engine import Connection

from storage import SqlStore
from storage.records import SqlRecords
from storage.tables import people, replies, turns, usage
from tests.storage.given import ANA, BEN, NOON, answer, claimed, used


def decided(connection: Connection) -> list[str]:
    """Of whom it is known what may be done with their feedback."""
    return list(connection.execute(select(people.c.person)).scalars())


def authors(connection: Connection) -> set[str]:
    """Whose ids still stand anywhere, with whatever is written before them."""
    found = [
        connection.execute(select(table.c.author_id)).scalars() for table in (usage, replies, turns)
    ]
    return {str(each).rpartition(":")[2] for ids in found for each in ids}


async def test_who_is_forgotten_does_not_begin_the_day_anew(still: SqlStore) -> None:
    records = SqlRecords(still.database, lambda: NOON)
    today = NOON.date()
    await answer(still, await claimed(still, "m1"), "Hello.")
    running = await claimed(still, "m2")
    before = await used(records, ANA, today)
    for _ in range(2):  # what was moved is not moved again
        await records.forget_person("discord", ANA.id)
        assert await used(records, ANA, today) == before
    await answer(still, running, "Hello.")
    await answer(still, await claimed(still, "m3"), "Hello.")
    await records.forget_person("discord", ANA.id)
    mine, channel = await used(records, ANA, today)
    assert mine == channel
    assert (mine.messages, mine.tokens) == (3, 3 * before[0].tokens)


async def test_once_the_day_is_over_nobody_knows_what_the_forgotten_used(
    still: SqlStore,
) -> None:
    records = SqlRecords(still.database, lambda: NOON)
    await answer(still, await claimed(still, "m1"), "Hello.")
    running = await claimed(still, "m2")
    today = NOON.date()
    await records.forget_person("discord", ANA.id)
    await answer(still, running, "Hello.")
    _, channel = await used(records, ANA, today)
    await records.settle_use(today)
    assert (await used(records, ANA, today))[0].messages == 2
    await records.settle_use(today + timedelta(days=1))
    mine, after = await used(records, ANA, today)
    assert (mine.messages, after) == (0, channel)
    assert ANA.id not in await still.database.read(authors)


async def test_another_answer_is_the_use_of_whoever_wanted_it(still: SqlStore) -> None:
    records = SqlRecords(still.database, lambda: NOON)
    today = NOON.date()
    first = await claimed(still, "m1")
    await answer(still, first, "Hello.")
    again = await records.reopen(first.id, BEN.id)
    assert again is not None
    assert [(await used(records, who, today))[0].messages for who in (ANA, BEN)] == [1, 1]
    await records.forget_person("discord", BEN.id)
    assert [(await used(records, who, today))[0].messages for who in (ANA, BEN)] == [1, 1]
    await answer(still, again, "Hello again.")
    assert [(await used(records, who, today))[0].messages for who in (ANA, BEN)] == [1, 1]
    await records.settle_use(today + timedelta(days=1))
    assert (await used(records, BEN, today))[0].messages == 0
    own = await records.reopen(first.id, ANA.id)
    assert own is not None
    await answer(still, own, "Hello for the third time.")
    assert (await used(records, ANA, today))[0].messages == 2


async def test_use_of_days_that_are_over_is_nobodys_at_once(still: SqlStore) -> None:
    today = NOON.date()
    await answer(still, await claimed(still, "m1"), "Hello.")
    tomorrow = SqlRecords(still.database, lambda: NOON + timedelta(days=1))
    await tomorrow.forget_person("discord", ANA.id)
    mine, channel = await used(tomorrow, ANA, today)
    assert (mine.messages, channel.messages) == (0, 1)


async def test_who_did_not_want_their_feedback_used_stays_out_when_forgotten(
    store: SqlStore,
) -> None:
    records = SqlRecords(store.database)
    await records.use_feedback("discord", ANA.id, False)
    await records.use_feedback("discord", BEN.id, True)
    for who in (ANA, BEN):
        await records.forget_person("discord", who.id)
    assert not (await records.stored("discord", ANA.id)).feedback_use
    assert await store.database.read(decided) == [ANA.id]
