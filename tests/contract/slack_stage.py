"""The scenes' stage in a loopback Slack."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from bot.settings import Settings
from tests.board import ScriptedGenerator
from tests.contract.running import Running
from tests.loopback.slack import Channel, Message, SlackServer


@dataclass(frozen=True)
class Spot:
    """The thread under a message of a channel, or (no root) the whole of a DM."""

    channel: Channel
    root: Message | None = None


class SlackStage:
    """A workspace with a channel; every mention there opens a thread."""

    def __init__(self, server: SlackServer, model: Path, folder: Path) -> None:
        self.generator = ScriptedGenerator()
        self._server = server
        self._folder = folder
        workspace = server.workspace("Cuzco")
        self._channel = workspace.channel("knots")
        self._people = {
            "ann": workspace.member("Ann"),
            "bob": workspace.member("Bob"),
            "chief": workspace.member("Chief", admin=True),
        }
        slack = {
            "bot_token": workspace.bot_token,
            "app_token": server.app.app_token,
            "api_url": server.api_url,
        }
        settings = Settings(
            slack=slack,  # type: ignore[arg-type]
            model={"name": str(model)},  # type: ignore[arg-type]
            data={"folder": str(folder)},  # type: ignore[arg-type]
        )
        self._running = Running(settings, self.generator)

    async def __aenter__(self) -> Self:
        await self._running.start()
        await self._server.socket_mode.wait_connects(2)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.stop()

    async def mentions(self, who: str, text: str) -> tuple[Message, Spot]:
        said = await self._people[who].mentions(self._channel, text)
        return said, Spot(self._channel, said)

    async def in_a_thread(self, who: str, text: str) -> tuple[Message, Spot]:
        root = await self._people["bob"].says(self._channel, "something to talk about")
        said = await self._people[who].mentions(self._channel, text, thread=root)
        return said, Spot(self._channel, root)

    async def goes_on(self, who: str, where: Spot, text: str) -> Message:
        person = self._people[who]
        if where.root is None:
            return await person.dm(text)
        return await person.mentions(where.channel, text, thread=where.root)

    async def writes(self, who: str, text: str) -> tuple[Message, Spot]:
        person = self._people[who]
        return await person.dm(text), Spot(person.dms)

    async def edits(self, who: str, said: Message, text: str) -> None:
        await self._people[who].edits(said, text)
        await self._server.dispatch.settled()  # over two sockets Slack keeps no order

    async def deletes(self, who: str, said: Message) -> None:
        await self._people[who].deletes(said)
        await self._server.dispatch.settled()

    async def repeats(self, said: Message) -> None:
        self._server.dispatch.repeat(said)

    async def stops(self, who: str, where: Spot) -> str:
        interaction = await self._people[who].runs_command("/quipu", "stop", where.channel)
        return (await interaction.answer()).content

    async def sets_persona(self, who: str, text: str) -> str:
        command = f"persona set {text}"
        interaction = await self._people[who].runs_command("/quipu", command, self._channel)
        return (await interaction.answer()).content

    async def shown(self, where: Spot, look: Callable[[list[str]], bool]) -> list[str]:
        def texts(_: list[Message]) -> list[str] | None:
            said = [
                message.content
                for message in where.channel.from_bot
                if where.root is None or message.root is where.root
            ]
            return said if look(said) else None

        return await where.channel.wait_for(texts, timeout=30)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._folder / "quipu.db")) as database:
            return database.execute(query).fetchall()

    async def settled(self) -> None:
        await self._running.settled()

    async def restarts(self) -> None:
        before = self._server.socket_mode.connects
        await self._running.cut_off()
        await self._running.start()
        await self._server.socket_mode.wait_connects(before + 2)

    def refused(self) -> int:
        return self._server.limits.total_refused
