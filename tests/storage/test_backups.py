"""Backups made while others write, checked before they count; and putting one back."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from bot.errors import StorageError
from storage import SqlStore, backups, current_revision, head_revision, hold, open_store, upgrade
from storage.inspection import inspect
from storage.restored import coming
from storage.restoring import restore
from tests.storage.given import claimed

KILLED_IN_A_RESTORE = """
import os, signal, sys
from pathlib import Path
from storage import restoring

number = int(sys.argv[3])

def dies(kind):
    real = getattr(Path, kind)

    def move(self, target):
        global number
        number -= 1
        if number < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(self, target)

    setattr(Path, kind, move)

dies("rename")
dies("replace")
restoring.restore(sys.argv[1], Path(sys.argv[2]))
"""


def messages(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return [row for (row,) in connection.execute("SELECT message_id FROM claims ORDER BY 1")]


def mode(file: Path) -> int:
    return stat.S_IMODE(file.stat().st_mode)


def read(file: Path) -> bytes:
    return file.read_bytes()


def damage(file: Path) -> bytes:
    """Overwrite two pages in the middle; returns what the file is now."""
    content = bytearray(file.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 8192] = b"\xa5" * 8192
    file.write_bytes(content)
    return bytes(content)


def as_left_by_a_crash(file: Path, content: dict[str, bytes]) -> None:
    """The newest is in the log alone."""
    for ending, found in content.items():
        Path(f"{file}{ending}").write_bytes(found)


def killed_in_a_restore(url: str, backup: Path, number: int) -> bool:
    """Restore in a process that is killed at its move of this number, if it has so many."""
    script = [sys.executable, "-c", KILLED_IN_A_RESTORE, url, str(backup), str(number)]
    code = subprocess.run(script, check=False).returncode
    assert code in (0, -signal.SIGKILL)
    return code != 0


async def test_a_backup_made_under_constant_writing_is_one_moments_state(
    store: SqlStore, file: Path, tmp_path: Path
) -> None:
    """Replies and claims are written together: in no backup is there one without the other."""
    writing = True

    async def write() -> int:
        count = 0
        while writing:
            reply = await claimed(store, f"m{count:05}")
            await store.flush(reply.id, "x" * 5_000)
            count += 1
        return count

    writer = asyncio.create_task(write())
    target = tmp_path / "there" / "backup.db"
    steps: list[tuple[int, int]] = []
    for _ in range(3):
        before = len(messages(file))
        await asyncio.to_thread(backups.back_up, file, target, lambda *step: steps.append(step))
        assert before <= len(messages(target)) <= len(messages(file))
        with closing(sqlite3.connect(target)) as connection:
            alone = "SELECT count(*) FROM claims WHERE message_id NOT IN (SELECT message_id FROM "
            assert connection.execute(f"{alone} replies)").fetchone() == (0,)
            assert connection.execute(f"{alone} turns)").fetchone() == (0,)
    writing = False
    assert await writer > 0
    assert steps[-1][0] == steps[-1][1] > 0
    assert mode(target) == 0o600
    assert [path.name for path in target.parent.iterdir()] == ["backup.db"]
    assert not any(finding.severity == "error" for finding in inspect(target))


async def test_a_damaged_database_gives_no_backup(store: SqlStore, file: Path) -> None:
    for number in range(50):
        reply = await claimed(store, f"m{number}")
        await store.flush(reply.id, "x" * 5_000)
    await store.close()
    content = damage(file)
    target = backups.folder_of(file) / "backup.db"
    with pytest.raises(StorageError, match="damaged"):
        backups.back_up(file, target)
    assert list(target.parent.iterdir()) == []
    assert read(file) == content


def test_what_is_not_there_is_not_backed_up(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="nothing to back up"):
        backups.back_up(tmp_path / "quipu.db", tmp_path / "backup.db")


async def test_a_restore_brings_the_backup_and_keeps_what_was_there(
    store: SqlStore, file: Path, url: str, tmp_path: Path
) -> None:
    await claimed(store, "old")
    backup = tmp_path / "backup.db"
    backups.back_up(file, backup)
    await claimed(store, "new")
    await store.close()
    kept = restore(url, backup)
    assert kept is not None
    assert messages(file) == ["old"]
    assert messages(kept) == ["new", "old"]
    assert messages(backup) == ["old"]
    assert mode(file) == 0o600
    again = await open_store(url)
    await claimed(again, "newer")
    await again.close()


async def test_a_restore_waits_for_nobody_while_quipu_runs(
    store: SqlStore, file: Path, url: str, tmp_path: Path
) -> None:
    await claimed(store, "m1")
    backups.back_up(file, tmp_path / "backup.db")
    with hold(url), pytest.raises(StorageError, match=r"another Quipu.*stop that first"):
        restore(url, tmp_path / "backup.db")
    assert messages(file) == ["m1"]


async def test_no_file_but_a_whole_backup_of_quipus_is_restored(
    store: SqlStore, file: Path, url: str, tmp_path: Path
) -> None:
    await claimed(store, "m1")
    backup = tmp_path / "backup.db"
    backups.back_up(file, backup)
    with closing(sqlite3.connect(tmp_path / "newer.db")) as newer:
        newer.executescript(
            "CREATE TABLE alembic_version (version_num); CREATE TABLE replies (id);"
            "INSERT INTO alembic_version VALUES ('9999');"
        )
    with closing(sqlite3.connect(tmp_path / "other.db")) as other:
        other.execute("CREATE TABLE recipes (name)")
    (tmp_path / "letter.db").write_text("Dear Sir or Madam, " * 500)
    (tmp_path / "half.db").write_bytes(backup.read_bytes()[: backup.stat().st_size // 2])
    (tmp_path / "empty.db").touch()
    for name, words in {
        "newer.db": "9999.*newer version",
        "other.db": "no backup of a Quipu database",
        "empty.db": "no backup of a Quipu database",
        "letter.db": "no SQLite database|not a database",
        "half.db": "damaged",
        "nowhere.db": "is not there",
    }.items():
        with pytest.raises(StorageError, match=words):
            restore(url, tmp_path / name)
    with pytest.raises(StorageError, match="the database itself"):
        restore(url, file)
    assert messages(file) == ["m1"]
    assert sorted(path.name for path in file.parent.iterdir() if "db-" not in path.name) == [
        "quipu.db",
        "quipu.db.lock",
    ]


@pytest.mark.parametrize(
    "number", [pytest.param(n, marks=[pytest.mark.slow] if n in (0, 3) else []) for n in range(5)]
)
async def test_a_restore_killed_at_any_point_is_finished_by_the_next_one(
    number: int, file: Path, url: str, tmp_path: Path
) -> None:
    await upgrade(url)
    store = await open_store(url)
    await claimed(store, "old")
    backups.back_up(file, tmp_path / "backup.db")
    await claimed(store, "new")
    content = {ending: read(Path(f"{file}{ending}")) for ending in ("", "-wal")}
    await store.close()
    as_left_by_a_crash(file, content)
    restored = not killed_in_a_restore(url, tmp_path / "backup.db", number)
    assert restored == (number == 4)
    if coming(file).exists():
        for question in (open_store(url), current_revision(url), upgrade(url)):
            with pytest.raises(StorageError, match=r"run `quipu db restore` again"):
                await (await question).check()  # type: ignore[union-attr]
        assert restore(url, tmp_path / "backup.db")
        restored = True
    assert messages(file) == (["old"] if restored else ["new", "old"])
    found = {tuple(messages(each)) for each in file.parent.glob("quipu.db.replaced-*[0-9]")}
    assert ("new", "old") in found or not restored


async def test_two_do_not_run_on_the_same_file(url: str) -> None:
    mine = rf"another Quipu \(process {os.getpid()}\)"
    with hold(url), pytest.raises(StorageError, match=mine), hold(url):
        raise AssertionError("both have it")
    with hold(url):
        assert await current_revision(url) == head_revision()
