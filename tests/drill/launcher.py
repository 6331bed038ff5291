"""One life of the program, which may be told to kill itself while its database commits.

A kill from outside cannot be aimed at a commit, which takes less than a millisecond. So the
launcher, and not the product, puts itself between the program and SQLite.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import sys
import threading
import time
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

BEFORE, INSIDE, AFTER = "before", "inside", "after"
PRELOADED = [
    "torch",
    "transformers.models.llama.modeling_llama",
    "adapters.discord.messenger",
    "adapters.slack.messenger",
    "bot.app",
    "bot.cli",
    "storage.records",
]
"""What takes seconds to import; a fork of a process that has imported it takes none."""


@dataclass(frozen=True)
class Deadly:
    """The commit that a life does not survive, counted from its start; only writing ones count."""

    number: int
    when: str


@dataclass(frozen=True)
class Start:
    """Everything that a life is given."""

    config: str
    log: str
    environment: dict[str, str]
    deadly: Deadly | None = None

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Start:
        values = json.loads(text)
        deadly = values.pop("deadly")
        return cls(**values, deadly=Deadly(**deadly) if deadly else None)


class Commits:
    """Counts the commits of all connections and knows how long one takes."""

    def __init__(self, deadly: Deadly) -> None:
        self._deadly = deadly
        self._lock = threading.Lock()
        self._count = 0
        self._seconds = 0.0005

    def run(self, commit: Any) -> None:
        """Carry out a commit, or die of it."""
        with self._lock:
            self._count += 1
            fatal = self._count == self._deadly.number
        if not fatal:
            began = time.monotonic()
            commit()
            self._seconds += (time.monotonic() - began - self._seconds) / 8
            return
        if self._deadly.when == BEFORE:
            die()
        if self._deadly.when == INSIDE:
            threading.Thread(target=self._die_within, daemon=True).start()
        commit()
        die()

    def _die_within(self) -> None:
        """SQLite gives up the interpreter's lock while it writes, so this runs beside it."""
        until = time.monotonic() + random.random() * self._seconds
        while time.monotonic() < until:
            pass
        die()


class DyingConnection(sqlite3.Connection):
    """A connection whose commits are counted, where they write anything."""

    commits: Commits
    _changed = 0

    def commit(self) -> None:
        if not self.in_transaction or self.total_changes == self._changed:
            super().commit()
            return
        self._changed = self.total_changes
        self.commits.run(super().commit)


def die() -> None:
    """As if somebody had pulled the plug of this process."""
    os.kill(os.getpid(), signal.SIGKILL)


def live(start: Start) -> None:
    """Run the program to its end; its log goes to a file, which outlives it."""
    os.environ.update(start.environment)
    log = os.open(start.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if start.deadly is not None:
        DyingConnection.commits = Commits(start.deadly)
        sqlite3.connect = partial(sqlite3.connect, factory=DyingConnection)  # type: ignore[assignment]
    from bot.cli import run_command

    sys.exit(run_command(["--config", start.config, "run"]))


if __name__ == "__main__":
    live(Start.from_json(sys.argv[1]))
