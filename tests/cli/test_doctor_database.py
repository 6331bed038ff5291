"""The doctor on a database that is in trouble: what it is, and how to mend it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from bot.cli import run_command
from storage import hold
from storage.restored import coming
from tests.storage.breaking import change, disk

MODEL = "model.name = 'nowhere'\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration with a new database in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    (data := tmp_path / "data").mkdir()
    text = f'[model]\nname = "nowhere/at-all"\n[data]\nfolder = "{data}"\n'
    (tmp_path / "config.toml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    return data


def about_the_database(capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    run_command(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    shown = [line for line in lines if "nowhere/at-all" not in line]
    return "\n".join(shown)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    with closing(sqlite3.connect(file, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def damaged(file: Path) -> Iterator[None]:
    content = bytearray(file.read_bytes())
    content[8 * 4096 : 12 * 4096] = b"\xa5" * (4 * 4096)
    file.write_bytes(content)
    yield


@contextmanager
def half_restored(file: Path) -> Iterator[None]:
    coming(file).write_bytes(file.read_bytes())
    yield


@contextmanager
def newer(file: Path) -> Iterator[None]:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    yield


TROUBLES = {
    locked: ("is locked", "fuser FILE"),
    damaged: ("is damaged", "quipu db restore FILE"),
    half_restored: ("was being restored", "quipu db restore"),
    newer: ("9999", "install the version that wrote it"),
}


@pytest.mark.parametrize("trouble", TROUBLES, ids=lambda trouble: trouble.__name__)
def test_each_trouble_has_its_way_out(
    trouble: object, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["db", "upgrade"]) == 0
    words, mend = TROUBLES[trouble]  # type: ignore[index]
    with trouble(folder / "quipu.db"):  # type: ignore[operator]
        said = about_the_database(capsys)
    assert words in said
    assert mend in said


def test_a_database_that_is_well_is_said_to_be(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["db", "upgrade"]) == 0
    with hold(f"sqlite:///{folder / 'quipu.db'}"):
        said = about_the_database(capsys)
    assert "is whole" in said
    assert "are free on the disk" in said
    assert "a Quipu is running on it" in said


@pytest.mark.parametrize(("option", "words"), [("size=1m", "make room"), ("ro", "read-only")])
def test_a_disk_that_takes_nothing_is_an_error(
    option: str, words: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with disk(folder, "8m"):
        assert run_command(["db", "upgrade"]) == 0
        change(folder, option)
        said = about_the_database(capsys)
    assert "error: " in said
    assert words in said
