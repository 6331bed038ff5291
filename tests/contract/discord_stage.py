"""The scenes' stage in a loopback Discord."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Self

from bot.settings import Settings
from tests.board import ScriptedGenerator
from tests.contract.running import Running
from tests.loopback.discord import Channel, DiscordServer, Message


class DiscordStage:
    """A guild with a channel; threads and DMs are where people take them."""

    def __init__(self, server: DiscordServer, model: Path, folder: Path) -> None:
        self.generator = ScriptedGenerator()
        self._server = server
        self._folder = folder
        guild = server.guild("Cuzco")
        self._channel = guild.channel("knots")
        self._people = {
            "ann": guild.member("Ann"),
            "bob": guild.member("Bob"),
            "chief": guild.member("Chief", manage_channels=True),
        }
        discord = {
            "token": server.token,
            "api_url": server.api_url,
            "gateway_url": server.gateway_url,
        }
        settings = Settings(
            discord=discord,  # type: ignore[arg-type]
            model={"name": str(model)},  # type: ignore[arg-type]
            data={"folder": str(folder)},  # type: ignore[arg-type]
        )
        self._running = Running(settings, self.generator)

    async def __aenter__(self) -> Self:
        await self._running.start()
        await self._server.gateway.wait_connected()
        await self._server.wait_for_commands()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.stop()

    async def mentions(self, who: str, text: str) -> tuple[Message, Channel]:
        said = await self._people[who].mentions(self._channel, text)
        return said, self._channel

    async def in_a_thread(self, who: str, text: str) -> tuple[Message, Channel]:
        thread = await self._people[who].starts_thread(self._channel, "aside")
        return await self._people[who].mentions(thread, text), thread

    async def goes_on(self, who: str, where: Channel, text: str) -> Message:
        person = self._people[who]
        if where.guild is None:
            return await person.says(where, text)
        return await person.mentions(where, text)

    async def writes(self, who: str, text: str) -> tuple[Message, Channel]:
        person = self._people[who]
        return await person.dm(text), person.dms

    async def edits(self, who: str, said: Message, text: str) -> None:
        await self._people[who].edits(said, text)

    async def deletes(self, who: str, said: Message) -> None:
        await self._people[who].deletes(said)

    async def repeats(self, said: Message) -> None:
        self._server.gateway.repeat(said)

    async def stops(self, who: str, where: Channel) -> str:
        interaction = await self._people[who].runs_command("stop", where)
        return (await interaction.answer()).content

    async def sets_persona(self, who: str, text: str) -> str:
        interaction = await self._people[who].runs_command(
            "persona set", self._channel, {"text": text}, even_if_hidden=True
        )
        return (await interaction.answer()).content

    async def shown(self, where: Channel, look: Callable[[list[str]], bool]) -> list[str]:
        def texts(_: list[Message]) -> list[str] | None:
            said = [message.content for message in where.from_bot]
            return said if look(said) else None

        return await where.wait_for(texts, timeout=30)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._folder / "quipu.db")) as database:
            return database.execute(query).fetchall()

    async def settled(self) -> None:
        await self._running.settled()

    async def restarts(self) -> None:
        await self._running.cut_off()
        await self._running.start()
        await asyncio.wait_for(self._server.gateway.wait_connected(), 10)

    def refused(self) -> int:
        return self._server.limits.total_refused
