"""The whole house between a loopback Discord and a database file, in this process."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.app import Core, compose
from bot.ports import Generator
from bot.service import Service
from bot.settings import Settings
from storage import open_store, upgrade
from tests.board import ScriptedGenerator
from tests.checkpoints import make_checkpoint
from tests.loopback.discord import Channel, DiscordServer, Guild, Message, Person
from tests.ready import engines_over
from tests.unhurried import unhurried


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_checkpoint(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    unhurried(monkeypatch)


def settings_for(server: DiscordServer, model: Path, folder: Path, **sections: object) -> Settings:
    discord = {
        "token": server.token,
        "api_url": server.api_url,
        "gateway_url": server.gateway_url,
        "message_content": server.message_content,
    }
    given = {
        "discord": discord,
        "model": {"name": str(model), "device": "cpu"},
        "data": {"folder": str(folder)},
        "conversation": {"journal_interval": 0.1},
    }
    return Settings(**given | sections)  # type: ignore[arg-type]


@dataclass
class Town:
    """A guild with people in it, and the bot under test."""

    server: DiscordServer
    guild: Guild
    channel: Channel
    ann: Person
    bob: Person
    chief: Person
    core: Core
    file: Path

    @property
    def generator(self) -> ScriptedGenerator:
        (engine,) = self.core.engines.loaded.values()
        assert isinstance(engine.generator, ScriptedGenerator)
        return engine.generator

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.file)) as database:
            return database.execute(query).fetchall()

    def states(self) -> list[object]:
        return [state for (state,) in self.rows("SELECT state FROM replies ORDER BY id")]

    def answers(self) -> list[object]:
        query = "SELECT text FROM turns WHERE role = 'assistant' ORDER BY reply_id"
        return [text for (text,) in self.rows(query)]

    async def answer(self, channel: Channel, text: str, count: int = 1) -> Message:
        """Wait until the bot's last message in the channel shows exactly this."""

        def look(_: list[Message]) -> Message | None:
            said = channel.from_bot
            return said[-1] if len(said) >= count and said[-1].content == text else None

        return await channel.wait_for(look)

    async def settled(self) -> None:
        """Let running answers end, with their endings in the journal."""
        await self.core.conversations.drain(20.0)


@asynccontextmanager
async def town(
    server: DiscordServer,
    model: Path,
    folder: Path,
    generator: Generator,
    *,
    busy: float = 10.0,
    again: float = 1.0,
) -> AsyncIterator[Town]:
    """The service running as `quipu run` runs it, except for the generator.

    The store waits `busy` seconds for a locked file, and looks at one out of order `again`.
    """
    settings = settings_for(server, model, folder)
    await upgrade(settings.database_url)
    store = await open_store(settings.database_url, busy=busy, again=again)
    core = compose(settings, store, engines_over(settings, generator))
    guild = server.guild("Cuzco")
    channel = guild.channel("knots")
    ann, bob = guild.member("Ann"), guild.member("Bob")
    chief = guild.member("Chief", manage_channels=True)
    from bot.app import platforms

    service = Service(
        core.conversations,
        platforms(settings, core),
        heartbeat=settings.heartbeat,
        deadline=10.0,
    )
    running = asyncio.create_task(service.run())
    try:
        await server.gateway.wait_connected()
        await server.wait_for_commands()
        yield Town(server, guild, channel, ann, bob, chief, core, folder / "quipu.db")
    finally:
        service.stop()
        await running
        await generator.close()
        await store.close()


@pytest.fixture
async def cuzco(
    discord_server: DiscordServer, tiny_llama: Path, tmp_path: Path
) -> AsyncIterator[Town]:
    """A town whose generator answers with what was said."""
    async with town(discord_server, tiny_llama, tmp_path, ScriptedGenerator()) as made:
        yield made


@pytest.fixture
async def open_cuzco(
    reading_discord_server: DiscordServer, tiny_llama: Path, tmp_path: Path
) -> AsyncIterator[Town]:
    """A town whose bot may read every message."""
    async with town(reading_discord_server, tiny_llama, tmp_path, ScriptedGenerator()) as made:
        yield made
