"""A long transfer on the screen: a bar on a terminal, a line for every tenth elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)


class Bar:
    """Bytes on their way, shown by rich. One bar after the other, if there are several tasks."""

    def __init__(self, shown: Progress, title: str) -> None:
        self._shown = shown
        self._task = shown.add_task(title, total=None)

    def begin(self, total: int) -> None:
        self._shown.update(self._task, total=total)

    def advance(self, size: int) -> None:
        self._shown.advance(self._task, size)

    def report(self, doing: str, done: int, total: int) -> None:
        """The same for a work of several steps."""
        self._shown.update(self._task, description=doing, completed=done, total=total)


class Lines:
    """The same in lines, for logs and pipes."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._done = 0
        self._total = 1
        self._tenths = 0
        self._lock = threading.Lock()

    def begin(self, total: int) -> None:
        self._total = max(total, 1)

    def advance(self, size: int) -> None:
        with self._lock:
            self._done += size
            self._say()

    def report(self, doing: str, done: int, total: int) -> None:
        if doing != self._title:
            self._title, self._tenths = doing, 0
        self._done, self._total = done, max(total, 1)
        self._say()

    def _say(self) -> None:
        tenths = min(10 * self._done // self._total, 10)
        if tenths > self._tenths:
            self._tenths = tenths
            size = f"{self._total / 1e9:.2f} GB"
            sys.stderr.write(f"quipu: {self._title}: {10 * tenths} % of {size}\n")
            sys.stderr.flush()


@contextmanager
def shown(title: str) -> Iterator[Bar | Lines]:
    """What to tell of a transfer; it goes to standard error."""
    if not sys.stderr.isatty():
        yield Lines(title)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield Bar(progress, title)
