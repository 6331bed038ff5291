"""The stages on which the scenes are played."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.checkpoints import make_checkpoint
from tests.contract.discord_stage import DiscordStage
from tests.contract.slack_stage import SlackStage
from tests.contract.stage import Stage
from tests.loopback.discord import DiscordServer
from tests.loopback.slack import SlackServer


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("contract") / "model")


@pytest.fixture(params=["discord", "slack"])
async def stage(
    request: pytest.FixtureRequest, small_model: Path, tmp_path: Path
) -> AsyncIterator[Stage]:
    if request.param == "discord":
        async with DiscordServer() as discord:
            async with DiscordStage(discord, small_model, tmp_path) as made:
                yield made
            assert not discord.violations
    else:
        async with SlackServer() as slack:
            async with SlackStage(slack, small_model, tmp_path) as staged:
                yield staged
            assert not slack.violations
