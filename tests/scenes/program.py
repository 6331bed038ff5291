"""The real program as a process of its own, against a loopback Discord."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.loopback.discord import DiscordServer

LISTENING = "listening for HTTP"
ANY_PORT = {"QUIPU_HTTP__PORT": "0"}
"""A free one, which it takes itself, so that nobody else can have it meanwhile."""

ROOT = Path(__file__).parents[2]
CONFIG = """
[model]
name = "{model}"
device = "cpu"
dtype = "float32"

[sampling]
max_new_tokens = {tokens}

[discord]
api_url = "{api_url}"
gateway_url = "{gateway_url}"

[conversation]
journal_interval = "0.1 s"

[data]
folder = "{data}"
"""


@dataclass
class Program:
    """`quipu run` with its configuration and data; it can be started again and again."""

    server: DiscordServer
    folder: Path
    model: Path
    tokens: int = 64
    token: str = ""
    more: str = ""
    secrets: dict[str, str] = field(default_factory=dict)
    within: tuple[str, ...] = ()
    """A command that runs it in surroundings of its own."""
    entry: tuple[str, ...] = ("-m", "bot")
    process: asyncio.subprocess.Process | None = None
    said: list[str] = field(default_factory=list)
    heard: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def file(self) -> Path:
        return self.folder / "data" / "quipu.db"

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self.file)) as database:
            return database.execute(query).fetchall()

    async def start(self) -> None:
        """Launch it and wait until it listens."""
        process = await self.launch()
        ended = asyncio.create_task(process.wait())
        listening = asyncio.create_task(self.server.gateway.wait_connected(timeout=90))
        await asyncio.wait({ended, listening}, return_when=asyncio.FIRST_COMPLETED)
        if not listening.done():
            listening.cancel()
            await self._reader
            raise AssertionError("it ended before it listened:\n" + "".join(self.said))
        ended.cancel()
        await listening

    async def launch(self) -> asyncio.subprocess.Process:
        """Write its configuration and run it."""
        config = self.folder / "config.toml"
        config.write_text(
            CONFIG.format(
                model=self.model,
                tokens=self.tokens,
                api_url=self.server.api_url,
                gateway_url=self.server.gateway_url,
                data=self.folder / "data",
            )
            + self.more,
            encoding="utf-8",
        )
        self.process = await asyncio.create_subprocess_exec(
            *self.within,
            sys.executable,
            *self.entry,
            "--config",
            str(config),
            "run",
            cwd=ROOT,
            env={
                **os.environ,
                "DISCORD_TOKEN": self.token or self.server.token,
                "OMP_NUM_THREADS": "1",
                **self.secrets,
            },
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        self._reader = asyncio.create_task(self._read())
        return self.process

    async def stop(self, *, kill: bool = False) -> int:
        """End it and return its exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            if kill:
                self.process.kill()
            else:
                self.process.terminate()
        return await self.ended()

    async def ended(self) -> int:
        """Wait until it has ended by itself; returns its exit code."""
        assert self.process is not None
        code = await asyncio.wait_for(self.process.wait(), 60)
        await self._reader
        return code

    async def _read(self) -> None:
        assert self.process is not None
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.said.append(line.decode("utf-8", "replace"))
            async with self.heard:
                self.heard.notify_all()

    async def port(self) -> int:
        """Where it listens for HTTP, which it says in its log."""
        await self.says(LISTENING)
        line = next(each for each in reversed(self.said) if LISTENING in each)
        found = re.search(r'\bport"?[=:] ?(\d+)', line)
        assert found is not None, line
        return int(found[1])

    async def says(self, words: str) -> None:
        """Wait until these words stand in its log."""
        async with asyncio.timeout(90), self.heard:
            await self.heard.wait_for(lambda: any(words in line for line in self.said))


@asynccontextmanager
async def running(
    server: DiscordServer, folder: Path, model: Path, *, tokens: int
) -> AsyncIterator[Program]:
    program = Program(server, folder, model, tokens)
    await program.start()
    try:
        yield program
    finally:
        await program.stop(kill=True)
