"""`quipu db backup`, `restore` and `check` as an operator types them."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.cli import run_command
from storage import head_revision, hold, open_store, upgrade
from tests.storage.given import claimed


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration, and a database with one unfinished reply."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "config.toml").write_text(f'[data]\nfolder = "{tmp_path}"\n', encoding="utf-8")

    async def lived() -> None:
        url = f"sqlite:///{tmp_path / 'quipu.db'}"
        await upgrade(url)
        store = await open_store(url)
        await claimed(store, "m1")
        await store.close()

    asyncio.run(lived())
    return tmp_path


def test_a_backup_has_a_name_with_its_time_and_can_be_checked_and_restored(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with hold(f"sqlite:///{folder / 'quipu.db'}"):  # as a running Quipu has it
        assert run_command(["db", "backup"]) == 0
    made = Path(capsys.readouterr().out.strip())
    assert made.parent == folder / "backups"
    assert made.name.startswith("quipu-2")
    assert run_command(["db", "check", str(made)]) == 0
    assert "unfinished replies: 1" in capsys.readouterr().out
    with closing(sqlite3.connect(folder / "quipu.db")) as database:
        database.execute("DELETE FROM claims")
        database.commit()
    assert run_command(["db", "restore", str(made)]) == 0
    assert "is kept as" in capsys.readouterr().out
    with closing(sqlite3.connect(folder / "quipu.db")) as database:
        assert database.execute("SELECT count(*) FROM claims").fetchone() == (1,)


def test_a_backup_goes_into_a_folder_or_a_new_file_and_over_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "safe").mkdir()
    assert run_command(["db", "backup", "safe"]) == 0
    assert len(list((folder / "safe").iterdir())) == 1
    assert run_command(["db", "backup", "mine.db"]) == 0
    assert run_command(["db", "backup", "mine.db"]) == 2
    assert "is there already" in capsys.readouterr().err


def test_a_check_says_what_is_wrong_and_what_to_do(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["db", "check"]) == 0
    said = capsys.readouterr().out
    assert "is whole" in said
    assert head_revision() in said
    assert said.endswith("nothing is wrong with it\n")
    with closing(sqlite3.connect(folder / "quipu.db")) as database:
        database.execute("DELETE FROM places")
        database.commit()
    assert run_command(["db", "check"]) == 1
    said = capsys.readouterr().out
    assert "has lost its row of places" in said
    assert "quipu db restore FILE" in said
    assert run_command(["db", "check", "nowhere.db"]) == 1
    assert "is not there" in capsys.readouterr().out


def test_a_restore_is_refused_while_quipu_runs(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["db", "backup", "mine.db"]) == 0
    with hold(f"sqlite:///{folder / 'quipu.db'}"):
        assert run_command(["db", "restore", "mine.db"]) == 1
    assert "stop that first" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "tool"),
    [(["backup"], "pg_dump"), (["restore", "x"], "pg_restore"), (["check"], "pg_amcheck")],
)
def test_postgresql_has_its_own_tools(
    command: list[str],
    tool: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("QUIPU_DATABASE__URL", "postgresql://quipu:hunter2@db/quipu")
    assert run_command(["db", *command]) == 2
    said = capsys.readouterr().err
    assert tool in said
    assert "hunter2" not in said
