"""A machine with little memory, and models that take some of it and load when a test says so."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass, field

from bot.engines.engine import Engine, Room
from bot.prompt.builder import PromptBuilder
from bot.values import Sampling
from tests.board import PATIENCE, ScriptedGenerator


@dataclass
class Machine:
    """Counts what is in memory; `most` is the highest it ever was."""

    total: int = 100
    used: int = 0
    most: int = 0

    def take(self, size: int) -> None:
        self.used += size
        self.most = max(self.most, self.used)


class WatchedGenerator(ScriptedGenerator):
    """Says whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.closed = False

    async def close(self) -> None:
        self.closed = True


@dataclass
class Model:
    """Implements Source. Loading waits for `gate`; `failures` are raised one after the other."""

    title: str
    machine: Machine
    prompts: PromptBuilder
    size: int = 60
    idle: float = 0.0
    warm: bool = False
    failures: list[BaseException] = field(default_factory=list)
    device: str = "here"
    adapters: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.gate, self.asked, self.left = (threading.Event() for _ in range(3))
        self.gate.set()
        self.loads = 0
        self.generators: list[WatchedGenerator] = []

    def fetch(self) -> None:
        pass

    def builder(self) -> PromptBuilder:
        return self.prompts

    def room(self) -> Room | None:
        self.asked.set()
        if not self.device:
            return None
        total = self.machine.total
        return Room(frozenset({self.device}), self.size, total - self.machine.used, total)

    def load(self) -> Engine:
        self.loads += 1
        assert self.gate.wait(PATIENCE)
        if self.failures:
            raise self.failures.pop(0)
        self.machine.take(self.size)
        self.generators.append(WatchedGenerator())
        return Engine(self.title, self.prompts, self.generators[-1], Sampling(), "float32")

    def release(self) -> None:
        assert self.generators[-1].closed
        self.machine.used -= self.size
        self.left.set()


async def happened(event: threading.Event) -> bool:
    """Wait for something that a thread does."""
    return await asyncio.to_thread(event.wait, PATIENCE)
