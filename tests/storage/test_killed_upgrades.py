"""Every step of the migrations, killed before each of its statements: all of it or nothing."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory

from bot.errors import StorageError
from storage import backups, current_revision, head_revision, hold, schema, upgrade
from storage.inspection import inspect

DUMP = Path(__file__).with_name("first_version.sql")

KILLED_EVERYWHERE = """
import asyncio, json, os, shutil, signal, sys
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.engine import Engine
from storage import backups, upgrade

source, folder, to, every = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
copying = backups.write

def killed_at(number, file):
    # In a child, so that importing everything is paid for once.
    child = os.fork()
    if child:
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])
    left = [number]

    def step(*_):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", step)
    event.listen(Engine, "commit", step)

    def write(*given):
        step()
        copying(*given)
        step()

    backups.write = write
    asyncio.run(upgrade(f"sqlite:///{file}", to=to))
    os._exit(0)

number, made = 0, []
while True:
    file = folder / str(number) / "quipu.db"
    file.parent.mkdir()
    shutil.copy(source, file)
    killed = killed_at(number, file)
    made.append((str(file), killed))
    if not killed:
        break
    number += every
print()
print(json.dumps(made))
"""


def steps() -> list[tuple[str, str]]:
    scripts = ScriptDirectory.from_config(schema._config()).walk_revisions()
    return list(pairwise(reversed([script.revision for script in scripts])))


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A file as the first version left it."""
    file = tmp_path / "old.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(DUMP.read_text(encoding="utf-8"))
    return file


def content(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection:
        return sorted(connection.iterdump())


def upgraded(old: Path, folder: Path, to: str, every: int) -> list[Path]:
    """Copies that were killed in mid-upgrade, each a little later, and one that was not."""
    script = [sys.executable, "-c", KILLED_EVERYWHERE, str(old), str(folder), to, str(every)]
    done = subprocess.run(script, capture_output=True, text=True, check=True)
    made = json.loads(done.stdout.splitlines()[-1])
    assert [killed for _, killed in made] == [True] * (len(made) - 1) + [False]
    return [Path(file) for file, _ in made]


@pytest.mark.parametrize("every", [pytest.param(1, marks=pytest.mark.slow), 8])
@pytest.mark.parametrize(("before", "after"), steps())
async def test_an_upgrade_killed_anywhere_has_done_all_or_nothing(
    before: str, after: str, every: int, old: Path, tmp_path: Path
) -> None:
    url = f"sqlite:///{old}"
    if before != "0001":
        await upgrade(url, to=before)
    assert await current_revision(url) == before
    (folder := tmp_path / "killed").mkdir()
    *killed, whole = upgraded(old, folder, after, every)
    assert len(killed) > 10 // every
    expected = content(old), content(whole)
    for file in killed:
        assert content(file) == expected[0]
        assert not [each for each in inspect(file) if "damaged" in each.text]
    for file in killed[:: max(1, len(killed) // 4)]:
        await upgrade(f"sqlite:///{file}", to=after)
        assert content(file) == expected[1]


async def test_a_file_is_backed_up_before_it_is_upgraded(old: Path) -> None:
    before = content(old)
    await upgrade(f"sqlite:///{old}")
    [backup] = backups.folder_of(old).iterdir()
    assert backup.name.startswith("old-0001-before-upgrade-")
    assert content(backup) == before
    assert content(old) != before


async def test_nothing_is_upgraded_where_no_backup_can_be_made(old: Path) -> None:
    backups.folder_of(old).write_text("a file in the place of the folder")
    before = content(old)
    with pytest.raises(StorageError, match="backups"):
        await upgrade(f"sqlite:///{old}")
    assert content(old) == before


async def test_a_new_database_needs_no_backup(file: Path) -> None:
    await upgrade(f"sqlite:///{file}")
    assert not backups.folder_of(file).exists()


async def test_nobody_upgrades_a_file_that_an_older_quipu_runs_on(old: Path) -> None:
    url = f"sqlite:///{old}"
    before = content(old)
    with hold(url):
        with pytest.raises(StorageError, match="another Quipu"):
            await upgrade(url)
        assert content(old) == before
        await upgrade(url, held=True)
        await asyncio.gather(upgrade(url), upgrade(url))  # nothing to do any more
    assert await current_revision(url) == head_revision()
