"""A database out of order raises one alarm, makes nobody wait, and is found well by itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from bot.errors import OutOfOrder, StorageError
from bot.operation.facts import Fact, TransactionEnded
from storage import SqlStore, current_revision, open_store, upgrade
from tests.storage.breaking import FAULTS, WORDS, broken, change, disk, locked
from tests.storage.given import claimed, said

LONG = "x" * 200_000
LOUD = ("error", "warning")


class Transactions:
    """An Observer of how many have ended."""

    ended = 0

    def note(self, fact: Fact) -> None:
        self.ended += isinstance(fact, TransactionEnded)


@pytest.fixture
def transactions() -> Transactions:
    return Transactions()


@pytest.fixture
async def quick(url: str, transactions: Transactions) -> AsyncIterator[SqlStore]:
    """A store that does not wait long."""
    store = await open_store(url, transactions, busy=0.2, again=0.05)
    yield store
    await store.close()


async def looked(times: int) -> None:
    """Until a database has been looked at so often, and found out of order; logs are captured."""
    found: asyncio.Queue[None] = asyncio.Queue()

    def tell(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if line["event"] == "the database is still out of order":
            found.put_nowait(None)
        return line

    structlog.get_config()["processors"].insert(0, tell)
    async with asyncio.timeout(30):
        for _ in range(times):
            await found.get()


def probes() -> list[str]:
    """Who looks at a database again and again."""
    names = (task.get_name() for task in asyncio.all_tasks())
    return [name for name in names if "probe" in name]


def loud(lines: list[MutableMapping[str, Any]]) -> list[str]:
    """What an operator is shown who wants to see what is wrong, and nothing else."""
    return [line["event"] for line in lines if line["log_level"] in LOUD]


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_is_one_alarm_and_its_end_is_told_too(
    fault: str, quick: SqlStore, file: Path, transactions: Transactions
) -> None:
    reply = await claimed(quick, "m1")
    with capture_logs() as lines:
        async with broken(fault, quick.database, file):
            with pytest.raises(OutOfOrder, match=WORDS[fault]):
                await quick.flush(reply.id, LONG)
            before = transactions.ended
            for number in range(200):
                with pytest.raises(OutOfOrder, match=WORDS[fault]):
                    await quick.claim(said(f"n{number}"))
            assert transactions.ended == before  # nobody has waited for a lock again
            assert [each.id for each in await quick.unfinished("discord")] == [reply.id]
            await quick.check()
            await looked(2)
            assert isinstance(quick.trouble, OutOfOrder)
        async with asyncio.timeout(30):
            await quick.well()
    assert loud(lines) == ["the database is out of order", "the database works again"]
    [alarm] = [line for line in lines if line["log_level"] == "error"]
    assert WORDS[fault] in alarm["reason"]
    assert [line["refused"] for line in lines if "refused" in line] == [200]
    await quick.flush(reply.id, LONG)
    assert [each.text for each in await quick.unfinished("discord")] == [LONG]


async def test_those_who_wait_for_a_locked_file_are_told_together(
    quick: SqlStore, file: Path
) -> None:
    with capture_logs() as lines:
        async with locked(file):
            claims = [quick.claim(said(f"m{number}")) for number in range(100)]
            found = await asyncio.gather(*claims, return_exceptions=True)
        async with asyncio.timeout(30):
            await quick.well()
    assert {type(each) for each in found} == {OutOfOrder}
    [refused] = [line["refused"] for line in lines if "refused" in line]
    assert refused > 90  # who waited behind the first did not wait for the lock as well


async def test_a_lock_of_moments_is_no_fault(url: str, file: Path) -> None:
    patient = await open_store(url)
    with capture_logs() as lines:
        async with locked(file):
            waiting = asyncio.create_task(patient.claim(said("m1")))
            await asyncio.sleep(0)
            assert not waiting.done()
        assert await waiting is not None
    await patient.close()
    assert loud(lines) == []


async def test_a_disk_that_is_really_full_loses_nothing_and_is_well_with_new_room(
    tmp_path: Path,
) -> None:
    with disk(tmp_path / "disk", "6m") as folder:
        url = f"sqlite:///{folder}/quipu.db"
        await upgrade(url)
        store = await open_store(url, again=0.05)
        kept: list[int] = []

        async def fill() -> None:
            for number in range(1_000):
                reply = await claimed(store, f"m{number}")
                kept.append(reply.id)
                await store.flush(reply.id, LONG)

        with capture_logs() as lines:
            with pytest.raises(OutOfOrder, match="disk is full"):
                await fill()
            assert {each.id for each in await store.unfinished("discord")} >= set(kept)
            change(folder, "size=20m")
            async with asyncio.timeout(30):
                await store.well()
        await claimed(store, "after")
        assert {each.id for each in await store.unfinished("discord")} > set(kept)
        await store.close()
        assert loud(lines) == ["the database is out of order", "the database works again"]


async def test_a_read_only_disk_says_so_at_the_start(tmp_path: Path) -> None:
    with disk(tmp_path / "disk", "6m") as folder:
        url = f"sqlite:///{folder}/quipu.db"
        await upgrade(url)
        change(folder, "ro")
        with pytest.raises(StorageError, match=r"read-only|cannot be opened"):
            await upgrade(url)


async def test_a_damaged_file_is_written_to_no_more_until_a_restart(
    quick: SqlStore, file: Path, url: str
) -> None:
    reply = await claimed(quick, "m1")
    for number in range(60):
        await quick.flush((await claimed(quick, f"n{number}")).id, "x" * 9_000)
    await quick.close()
    await asyncio.to_thread(spoil, file)
    store = await open_store(url, busy=0.2, again=0.05)

    async def use_everything() -> None:
        for other in range(60):
            await store.unfinished("discord")
            await store.flush(reply.id + other, "y")

    with capture_logs() as lines:
        with pytest.raises(OutOfOrder, match="damaged"):
            await use_everything()
        assert probes() == []  # a passing fault would be looked at again
        for _ in range(3):
            with pytest.raises(OutOfOrder, match="damaged"):
                await store.claim(said("later"))
    await store.close()
    assert loud(lines) == ["the database is out of order"]
    assert lines[0]["meanwhile"].startswith("nothing is written to it")
    assert await current_revision(url)


def spoil(file: Path) -> None:
    """Overwrite the second half, where the replies' texts lie."""
    content = bytearray(file.read_bytes())
    for page in range(len(content) // 4096 // 2, len(content) // 4096):
        content[page * 4096 : page * 4096 + 4096] = b"\xa5" * 4096
    file.write_bytes(content)


async def test_closing_ends_the_looking(url: str, file: Path) -> None:
    store = await open_store(url, busy=0.0, again=60.0)
    async with locked(file):
        with pytest.raises(OutOfOrder):
            await store.claim(said("m1"))
    await store.close()
    assert probes() == []
