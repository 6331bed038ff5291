"""Contenders in processes of their own, and the cast of a shape: who plays, and in which order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.generation.contenders.setting import Setting
from benchmarks.generation.loads import Load, Served, together

ROOT = Path(__file__).parents[2]
CALM = 2.0
"""Seconds between two contenders: the one before may look for work for a second after its last."""
T = TypeVar("T")


class Broken(Exception):
    """The contender's process has ended; the words are its last."""


@dataclass(frozen=True, slots=True)
class Part:
    """A contender as the tables know it, and where it runs."""

    name: str
    title: str
    interpreter: str = sys.executable


class Actor:
    """One contender, loaded. `opening` is what loading took."""

    def __init__(self, part: Part, setting: Setting) -> None:
        self.part = part
        self.opening: dict[str, float] = {}
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [part.interpreter, "-m", "benchmarks.generation.stage", part.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            cwd=ROOT,
            start_new_session=True,
        )
        self._write(asdict(setting))

    def open(self) -> None:
        """Wait until the model is loaded, and warm up."""
        self.opening = self._read()
        self.serve(together(2, round_=-1, new=4))

    def serve(self, load: Load) -> Served:
        """Have the load answered."""
        self._write(asdict(load))
        return Served.read(self._read())

    def close(self) -> None:
        """End the process and what it started."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._said.close()

    def _write(self, data: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(data) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise Broken(self._last_words()) from None

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        if line := self._process.stdout.readline():
            data: dict[str, Any] = json.loads(line)
            return data
        raise Broken(self._last_words())

    def _last_words(self) -> str:
        self._process.wait()
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        errors = [line for line in lines if "Error" in line and not line.startswith(" ")]
        return (errors or lines or ["no words"])[-1][:300]


class Cast:
    """Who plays with one setting. With `at_once` all are loaded side by side and take turns.

    Who breaks leaves the cast, and `broken` says why.
    """

    def __init__(self, parts: Sequence[Part], setting: Setting, *, at_once: bool) -> None:
        self._parts = list(parts)
        self._setting = setting
        self._at_once = at_once
        self._actors: dict[str, Actor] = {}
        self.broken: dict[str, str] = {}

    @contextmanager
    def opened(self, **changes: Any) -> Iterator[Cast]:
        """Everybody loaded, if all are to be there at once."""
        self._setting = replace(self._setting, **changes)
        with ExitStack() as stack:
            if self._at_once:
                self._open(self._parts, stack)
            yield self
        self._actors.clear()

    def play(
        self, perform: Callable[[Actor, int], T], rounds: Mapping[str, int]
    ) -> dict[str, list[T]]:
        """What each contender made of each of its rounds; contenders alternate."""
        results: dict[str, list[T]] = {}
        if self._at_once:
            self._rounds(perform, rounds, results)
            return results
        for part in self._parts:
            with ExitStack() as stack:
                self._open([part], stack)
                self._rounds(perform, rounds, results)
            self._actors.clear()
        return results

    def _open(self, parts: Sequence[Part], stack: ExitStack) -> None:
        actors = [Actor(part, self._setting) for part in parts if part.name not in self.broken]
        for actor in actors:
            stack.callback(actor.close)
        for actor in actors:
            try:
                actor.open()
                self._actors[actor.part.name] = actor
            except Broken as error:
                self.broken[actor.part.name] = str(error)

    def _rounds(
        self,
        perform: Callable[[Actor, int], T],
        rounds: Mapping[str, int],
        results: dict[str, list[T]],
    ) -> None:
        for round_ in range(max(rounds.values())):
            for name, actor in list(self._actors.items()):
                if round_ >= rounds.get(name, 0):
                    continue
                try:
                    results.setdefault(name, []).append(perform(actor, round_))
                    time.sleep(CALM)
                except Broken as error:
                    self.broken[name] = str(error)
                    del self._actors[name]
