"""The program's lives: each is started, and each is ended, by a kill or at last in peace."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.drill.launcher import PRELOADED, Deadly, Start, live

ROOT = Path(__file__).parents[2]
KILLED = -9
PATIENCE = 60.0


class Process(Protocol):
    """What the processes of `multiprocessing` and `subprocess` have in common."""

    @property
    def pid(self) -> int | None: ...

    def kill(self) -> None: ...

    def terminate(self) -> None: ...


@dataclass
class Life:
    """One process from its start to its end, by the monotonic clock."""

    number: int
    process: Process
    log: Path
    cold: bool
    began: float = field(default_factory=time.monotonic)
    ended: float | None = None
    code: int | None = None

    @property
    def over(self) -> bool:
        """Whether it has ended, as far as somebody has looked."""
        return self.ended is not None

    async def kill(self) -> None:
        """End it at once, if it has not ended by itself."""
        self.process.kill()
        await self.wait()

    async def stop(self) -> int | None:
        """Ask it to end in an orderly way."""
        self.process.terminate()
        await self.wait()
        return self.code

    async def wait(self, seconds: float = PATIENCE) -> bool:
        """Wait for its end; False if that did not come."""
        if self.over:
            return True
        self.code = await asyncio.to_thread(_awaited, self.process, seconds)
        if self.code is not None:
            self.ended = time.monotonic()
        return self.over


class Lives:
    """Starts the program again and again with one configuration and one database.

    Most lives are forked from a process that has everything imported; `cold` ones are not.
    """

    def __init__(self, config: Path, folder: Path, environment: dict[str, str]) -> None:
        self._config = config
        self._folder = folder
        self._environment = environment
        self.all: list[Life] = []
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([live.__module__, *PRELOADED])
        folder.mkdir(parents=True, exist_ok=True)

    def begin(self, *, cold: bool = False, deadly: Deadly | None = None) -> Life:
        """Start the program."""
        number = len(self.all) + 1
        log = self._folder / f"{number:04d}.log"
        start = Start(str(self._config), str(log), self._environment, deadly)
        process = self._from_nothing(start) if cold else self._forked(start)
        life = Life(number, process, log, cold)
        self.all.append(life)
        return life

    def _forked(self, start: Start) -> Process:
        process = self._context.Process(target=live, args=(start,), daemon=True)
        process.start()
        return process

    @staticmethod
    def _from_nothing(start: Start) -> Process:
        command = [sys.executable, "-m", "tests.drill.launcher", start.to_json()]
        return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **start.environment})


def _awaited(process: Process, seconds: float) -> int | None:
    if isinstance(process, subprocess.Popen):
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
    assert isinstance(process, multiprocessing.process.BaseProcess)
    process.join(seconds)
    return process.exitcode
