"""The scenes in which platforms are broken, on a stage of its own for each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.discord import outbound as discord_outbound
from adapters.slack import api as slack_api
from tests.checkpoints import make_checkpoint
from tests.contract.discord_stage import DiscordStage
from tests.contract.slack_stage import SlackStage
from tests.faults.discord_trouble import DiscordTrouble
from tests.faults.slack_trouble import SlackTrouble
from tests.faults.trouble import Scene
from tests.loopback.discord import DiscordServer
from tests.loopback.slack import SlackServer
from tests.unhurried import unhurried

SOON = 2.0
"""Seconds for which the bot waits for an answer in these scenes; else it is twenty or sixty."""


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("faults") / "model")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discord_outbound, "REQUEST_TIMEOUT", SOON)
    monkeypatch.setattr(slack_api, "TIMEOUT", SOON)


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    unhurried(monkeypatch)


@pytest.fixture(params=["discord", "slack"])
async def scene(
    request: pytest.FixtureRequest, small_model: Path, tmp_path: Path
) -> AsyncIterator[Scene]:
    """Slack by its own streams."""
    async with play(request.param, small_model, tmp_path) as made:
        yield made


@asynccontextmanager
async def play(platform: str, model: Path, folder: Path) -> AsyncIterator[Scene]:
    """The bot on a loopback platform: `discord`, `slack`, or `slack by edits`."""
    if platform == "discord":
        async with DiscordServer() as discord, DiscordStage(discord, model, folder) as stage:
            yield Scene(platform, stage, DiscordTrouble(discord))
            discord.faults.clear()
        return
    streams = platform == "slack"
    async with SlackServer() as slack:
        async with SlackStage(slack, model, folder, slack={"native_streams": streams}) as staged:
            yield Scene(platform, staged, SlackTrouble(slack))
            slack.faults.clear()
        assert not slack.violations
