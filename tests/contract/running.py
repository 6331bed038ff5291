"""The service with a scripted generator, started, cut off and started again on one database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from bot import checkpoint as checkpoints
from bot.app import Core, compose, platforms
from bot.commands.training import Format, lines
from bot.engines import Engines
from bot.engines.format import make_engine
from bot.engines.ready import Ready
from bot.ports import Generator
from bot.service import Service
from bot.settings import Settings
from storage import SqlStore, open_store, upgrade
from storage.records import SqlRecords
from tests.contract.stage import OTHER_MODEL, SMALL_MODEL
from tests.storage.breaking import broken

BUSY, AGAIN = 1.0, 0.1
"""Seconds that a locked file is waited for, and between two looks at it."""


def _engines(settings: Settings, generator: Generator) -> Engines:
    """The configuration's model, another one with the same weights, and one that holds little."""
    model = settings.every_model[0]
    found = checkpoints.find(model.name)
    small = replace(found, context=200)
    files = {str(model.title): found, OTHER_MODEL: found, SMALL_MODEL: small}
    made = [make_engine(title, f, settings.sampling, generator) for title, f in files.items()]
    return Engines([Ready(engine) for engine in made])


def _clock(ahead: timedelta) -> datetime:
    return datetime.now(UTC) + ahead


class Running:
    """Everything that `quipu run` runs, except for the model."""

    def __init__(self, settings: Settings, generator: Generator) -> None:
        self._settings = settings
        self._generator = generator
        self.ahead = timedelta(0)
        self._store: SqlStore | None = None
        self._core: Core | None = None
        self._service: Service | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self, *, deadline: float = 10.0) -> None:
        await upgrade(self._settings.database_url)
        self._store = await open_store(self._settings.database_url, busy=BUSY, again=AGAIN)
        engines = _engines(self._settings, self._generator)
        await engines.warm()
        now = partial(_clock, self.ahead)
        self._core = compose(self._settings, self._store, engines, now=now)
        self._service = Service(
            self._core.conversations,
            platforms(self._settings, self._core),
            heartbeat=self._settings.heartbeat,
            deadline=deadline,
            chores={"hearing": self._core.absences.run},
        )
        self._task = asyncio.create_task(self._service.run())

    async def given_up(self) -> BaseException:
        """Wait until it has ended by itself; why."""
        assert self._task is not None
        async with asyncio.timeout(20):
            await asyncio.wait([self._task])
        error = self._task.exception()
        assert error is not None
        return error

    @asynccontextmanager
    async def broken(self, fault: str, file: Path) -> AsyncIterator[None]:
        """A fault of the database, until that has been found to work again."""
        assert self._store is not None
        async with broken(fault, self._store.database, file):
            yield
        await self._store.well()

    async def quiet(self) -> None:
        """Wait until every message has its answer; the conversations stay open."""
        assert self._core is not None
        async with asyncio.timeout(20):
            await self._core.conversations.settled()

    async def feedback(self, shape: Format) -> list[dict[str, Any]]:
        """What `quipu export feedback` writes."""
        assert self._store is not None
        found = lines(SqlRecords(self._store.database), shape)
        return [json.loads(line) async for line in found]

    async def settled(self) -> None:
        assert self._core is not None
        await self._core.conversations.drain(20.0)

    async def stop(self) -> None:
        assert self._service is not None
        assert self._task is not None
        assert self._store is not None
        self._service.stop()
        if not self._task.done():
            await self._task
        await self._store.close()

    async def cut_off(self) -> None:
        """Answers that run are given no time at all; the journal has what it has."""
        assert self._core is not None
        await self._core.conversations.drain(0.0)
        await self.stop()
