"""One service on both loopback platforms at once, with its log."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from bot.settings import Settings
from tests.board import ScriptedGenerator
from tests.contract.running import Running
from tests.loopback.discord import Channel as DiscordChannel
from tests.loopback.discord import DiscordServer
from tests.loopback.discord import Person as DiscordPerson
from tests.loopback.slack import Channel as SlackChannel
from tests.loopback.slack import Person as SlackPerson
from tests.loopback.slack import SlackServer

PATIENCE = 30.0


@dataclass
class Both:
    """Ann is in Discord, Eve in Slack; both have a channel with the bot."""

    discord: DiscordServer
    slack: SlackServer
    generator: ScriptedGenerator
    running: Running
    here: DiscordChannel
    there: SlackChannel
    ann: DiscordPerson
    eve: SlackPerson
    log: list[Any]
    file: Path

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.file)) as database:
            return database.execute(query).fetchall()

    def errors(self) -> list[dict[str, Any]]:
        """What an operator is called for."""
        return [line for line in self.log if line["log_level"] in ("error", "critical")]

    async def alarmed(self, event: str) -> dict[str, Any]:
        """Wait for an alarm; there is only one of its kind."""
        async with asyncio.timeout(PATIENCE):
            while not (found := [e for e in self.errors() if e["event"] == event]):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert len(found) == 1
        return found[0]

    async def discord_answers(self, text: str = "hello") -> None:
        """Ann asks, and is answered."""
        await self.ann.mentions(self.here, text)
        await self.here.wait_for(self._ends(self.here, text), PATIENCE)

    async def slack_answers(self, text: str = "hello") -> None:
        """Eve asks, and is answered."""
        await self.eve.mentions(self.there, text)
        await self.there.wait_for(self._ends(self.there, text), PATIENCE)

    @staticmethod
    def _ends(channel: Any, text: str) -> Callable[[list[Any]], bool]:
        return lambda _: any(one.content.endswith(text) for one in channel.from_bot)


@asynccontextmanager
async def on_both(model: Path, folder: Path) -> AsyncIterator[Both]:
    async with DiscordServer() as discord, SlackServer() as slack:
        guild, workspace = discord.guild("Cuzco"), slack.workspace("Cuzco")
        generator = ScriptedGenerator()
        settings = Settings(
            discord={  # type: ignore[arg-type]
                "token": discord.token,
                "api_url": discord.api_url,
                "gateway_url": discord.gateway_url,
            },
            slack={  # type: ignore[arg-type]
                "bot_token": workspace.bot_token,
                "app_token": slack.app.app_token,
                "api_url": slack.api_url,
            },
            model={"name": str(model)},  # type: ignore[arg-type]
            data={"folder": str(folder)},  # type: ignore[arg-type]
        )
        running = Running(settings, generator)
        here, there = guild.channel("knots"), workspace.channel("knots")
        ann, eve = guild.member("Ann"), workspace.member("Eve")
        with structlog.testing.capture_logs() as log:
            await running.start()
            await discord.gateway.wait_connected(PATIENCE)
            await slack.socket_mode.wait_connects(2, PATIENCE)
            try:
                file = folder / "quipu.db"
                yield Both(discord, slack, generator, running, here, there, ann, eve, log, file)
            finally:
                await running.stop()
