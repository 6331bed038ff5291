"""The doctor beside a Quipu that is running, whose model has the memory already."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.examination import examine
from bot.settings import load
from bot.values import Finding
from storage import hold
from tests.small_machine import limit_memory

GIGABYTE = 10**9
LITTLE = 10**6


def about_the_model(folder: Path) -> Finding:
    config = folder / "config.toml"
    data = folder / "data"
    data.mkdir(exist_ok=True)
    config.write_text(f'[data]\nfolder = "{data}"\n[model]\ndevice = "cpu"\n', encoding="utf-8")
    (found,) = [each for each in examine(load(config), config) if " of weights in " in each.text]
    return found


def test_a_model_that_does_not_fit_beside_the_running_one_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_memory(tmp_path, monkeypatch, GIGABYTE, used=GIGABYTE - LITTLE)
    alone = about_the_model(tmp_path)
    assert (alone.severity, alone.text[:13]) == ("error", "does not fit:")
    with hold(f"sqlite:///{tmp_path / 'data' / 'quipu.db'}"):
        beside = about_the_model(tmp_path)
    assert beside.severity == "warning"
    assert beside.text.startswith("beside the Quipu that is running, it does not fit:")
    assert "stop that one and ask again" in beside.mend


def test_a_model_larger_than_the_machine_is_an_error_whoever_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_memory(tmp_path, monkeypatch, LITTLE)
    about_the_model(tmp_path)
    with hold(f"sqlite:///{tmp_path / 'data' / 'quipu.db'}"):
        assert about_the_model(tmp_path).severity == "error"
