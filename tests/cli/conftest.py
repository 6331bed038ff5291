"""An environment without a trace of the machine's own configuration."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def plain(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No variables of ours, and a current folder with no config.toml in it."""
    for name in os.environ:
        if name.upper().startswith(("QUIPU_", "SLACK_")) or name in {"DISCORD_TOKEN", "HF_TOKEN"}:
            monkeypatch.delenv(name)
    folder = tmp_path_factory.mktemp("current")
    monkeypatch.chdir(folder)
    return folder
