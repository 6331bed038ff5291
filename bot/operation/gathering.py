"""Gathers the figures of the moment when somebody asks for them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.conversation.conversations import Conversations
from bot.engines import Engines
from bot.errors import StorageError
from bot.operation.figures import Condition, DeviceMemory, Figures, Load, ModelFigures
from bot.operation.readiness import Answered
from bot.ports import Generator, Store

PATIENCE = 2.0
"""Seconds for the database; Prometheus itself waits for ten."""


@dataclass(frozen=True, slots=True)
class Gathering:
    """Where the figures come from."""

    engines: Engines
    conversations: Conversations
    store: Store
    answered: Answered
    connected: Callable[[], Mapping[str, bool]]
    conditions: Callable[[], Mapping[str, Condition]]

    async def now(self) -> Figures:
        """Ask everybody."""
        loaded = self.engines.loaded
        memory = {each.device: each for one in loaded.values() for each in memory_of(one.generator)}
        return Figures(
            models=tuple(self._model(title) for title in self.engines.titles),
            memory=tuple(memory.values()),
            platforms=self.connected(),
            conditions=self.conditions(),
            answering=self.conversations.answering,
            waiting=self.conversations.waiting,
            database_bytes=await self._database_bytes(),
            tasks=len(asyncio.all_tasks()),
            threads=threading.active_count(),
        )

    def _model(self, title: str) -> ModelFigures:
        engine = self.engines.loaded.get(title)
        load = load_of(engine.generator) if engine else None
        return ModelFigures(title, engine is not None, load, self.answered.ago(title))

    async def _database_bytes(self) -> int | None:
        """None where it does not tell, or not soon: everything else can be told all the same."""
        try:
            async with asyncio.timeout(PATIENCE):
                return await self.store.size()
        except (StorageError, TimeoutError):
            return None


def worker_lost(engines: Engines) -> bool:
    """Whether a model's worker is gone for good: only a new process will help."""
    loads = [load_of(engine.generator) for engine in engines.loaded.values()]
    return any(load is not None and load.lost for load in loads)


def load_of(generator: Generator) -> Load | None:
    """How busy it is; None if it does not know."""
    stats = getattr(generator, "stats", None)
    found = stats() if stats is not None else None
    return found if isinstance(found, Load) else None


def memory_of(generator: Generator) -> tuple[DeviceMemory, ...]:
    """The memory of the devices that it computes on; none for a server's."""
    ask = getattr(generator, "device_memory", None)
    found: tuple[DeviceMemory, ...] = ask() if ask is not None else ()
    return found
