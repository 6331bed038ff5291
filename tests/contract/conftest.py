"""The stages on which the scenes are played."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.checkpoints import make_checkpoint
from tests.contract.discord_stage import DiscordStage
from tests.contract.slack_stage import SlackStage
from tests.contract.stage import Stage
from tests.loopback.discord import DiscordServer
from tests.loopback.slack import SlackServer
from tests.unhurried import unhurried


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("contract") / "model")


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    unhurried(monkeypatch)


@pytest.fixture(params=["discord", "slack"])
async def stage(
    request: pytest.FixtureRequest, small_model: Path, tmp_path: Path
) -> AsyncIterator[Stage]:
    async with set_up(request.param, small_model, tmp_path) as made:
        yield made


@pytest.fixture(params=["discord", "slack"])
async def open_stage(
    request: pytest.FixtureRequest, small_model: Path, tmp_path: Path
) -> AsyncIterator[Stage]:
    """A stage where the bot may hear what is said to others."""
    async with set_up(request.param, small_model, tmp_path, hears_all=True) as made:
        yield made


@asynccontextmanager
async def set_up(
    platform: str, model: Path, folder: Path, *, hears_all: bool = False, **sections: Any
) -> AsyncIterator[Stage]:
    """The loopback platform with the bot on it; at its end nothing may have been asked wrongly.

    `sections` of the configuration are as given, the others as by default.
    """
    if platform == "discord":
        async with DiscordServer(message_content=hears_all) as discord:
            async with DiscordStage(discord, model, folder, **sections) as made:
                yield made
            assert not discord.violations
    else:
        async with SlackServer() as slack:
            async with SlackStage(slack, model, folder, **sections) as staged:
                yield staged
            assert not slack.violations
