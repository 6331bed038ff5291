"""What has been kept long enough goes, by what each place has set; feedback keeps its prompts."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest

from bot.control.bounds import Bounds
from bot.control.records import Verdict, Vote
from bot.control.retention import Retention
from bot.values import Place
from storage import SqlStore
from storage.database import Database
from storage.records import SqlRecords
from tests.control.conftest import ANN, BOB, CHANNEL, OTHER, OWNER, THREAD, Desk
from tests.storage.given import NOON


class Sweeping(SqlRecords):
    """Tells when everything was looked through for the second time."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.times = 0
        self.swept_twice = asyncio.Event()

    async def forget_prompts(self, before: datetime) -> int:
        count = await super().forget_prompts(before)
        self.times += 1
        if self.times > 1:
            self.swept_twice.set()
        return count


SLACK = Place("slack", "T1", "C1")


def after(desk: Desk, days: float, bounds: Bounds | None = None) -> Retention:
    """The chore as it runs so many days from now."""
    later = datetime.now(UTC) + timedelta(days=days)
    return Retention(desk.records, desk.records, bounds or Bounds(), lambda: later)


def left(desk: Desk, table: str = "replies", column: str = "place_id") -> list[str]:
    with closing(sqlite3.connect(desk.file)) as database:
        found = database.execute(f"SELECT {column} FROM {table} ORDER BY 1")  # noqa: S608
        return [str(value) for (value,) in found]


async def test_nothing_goes_where_nobody_has_set_anything(desk: Desk) -> None:
    await desk.answered()
    assert (await after(desk, 3650, Bounds(prompts=0)).sweep()) == (0, 0)
    assert left(desk) == [CHANNEL.id]


async def test_each_place_forgets_after_its_own_days(desk: Desk) -> None:
    for place in (CHANNEL, THREAD, OTHER, SLACK):
        await desk.answered(place=place)
    await desk.use("retention", OWNER, THREAD, {"retention": 30, "where": "workspace"})
    await desk.use("retention", OWNER, THREAD, {"retention": 5})
    await desk.use("retention", OWNER, THREAD, {"retention": 90, "where": "thread"})
    assert (await after(desk, 4).sweep())[0] == 0
    assert (await after(desk, 6).sweep())[0] == 2
    assert left(desk) == sorted([THREAD.id, OTHER.id, SLACK.id])
    await after(desk, 31).sweep()
    assert left(desk) == sorted([THREAD.id, SLACK.id])
    await after(desk, 91).sweep()
    assert left(desk) == [SLACK.id]


@pytest.mark.parametrize("own", [0, 99])
async def test_nobody_keeps_longer_than_the_configuration(desk: Desk, own: int) -> None:
    await desk.answered()
    await desk.records.set_settings(CHANNEL.id, {"retention": own}, OWNER)
    await after(desk, 11, Bounds(retention=10)).sweep()
    assert left(desk) == []


async def test_what_is_being_answered_stays(desk: Desk) -> None:
    from tests.control.test_people import said

    assert await desk.store.claim(said()) is not None
    await after(desk, 100, Bounds(retention=1)).sweep()
    assert left(desk) == [CHANNEL.id]


async def test_prompts_go_unless_somebody_judged_the_answer(desk: Desk) -> None:
    judged = await desk.answered()
    await desk.answered()
    await desk.records.vote(Vote(judged, 1, BOB, Verdict.UP))
    assert await after(desk, 29).sweep() == (0, 0)
    assert await after(desk, 31).sweep() == (0, 1)
    assert left(desk, "prompts", "reply_id") == [str(judged)]
    assert len(left(desk, "answers", "reply_id")) == 2


async def test_the_chore_goes_on_until_it_is_stopped(desk: Desk) -> None:
    await desk.answered(ANN)
    people = Sweeping(desk.store.database)
    later = datetime.now(UTC) + timedelta(days=9)
    retention = Retention(desk.records, people, Bounds(retention=1), lambda: later)
    chore = asyncio.create_task(retention.run(first=0, interval=0))
    async with asyncio.timeout(30):
        await people.swept_twice.wait()
    chore.cancel()
    with pytest.raises(asyncio.CancelledError):
        await chore
    assert left(desk) == []


async def test_what_the_forgotten_used_is_known_until_the_day_is_over(desk: Desk) -> None:
    database = desk.store.database
    desk.store, desk.records = SqlStore(database, lambda: NOON), SqlRecords(database, lambda: NOON)
    await desk.answered(ANN)
    await desk.records.forget_person("discord", ANN.id)
    await Retention(desk.records, desk.records, Bounds(), lambda: NOON).sweep()
    assert left(desk, "usage", "author_id") == [f"forgotten:{ANN.id}"]
    await after(desk, 1).sweep()
    assert left(desk, "usage", "author_id") == [""]
