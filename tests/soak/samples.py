"""What the program takes of the machine, sampled from outside, and whether that grows."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import ClientSession
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.soak.town import Town

MEBIBYTE = 2**20
WARM_UP = 1 / 2
"""The part of the time in which caches fill; growth counts after it."""
MEMORY_PER_HOUR = 20.0
"""MiB by which the program may seem to grow: the allocator comes closer to its level for hours, and
less than this could not be told from that."""
TEXTS = 20.0
"""MiB that encoded texts, which are remembered up to four million characters, may yet take: an hour
does not fill that."""


@dataclass(frozen=True)
class Sample:
    """One moment; `at` counts seconds from the start, memory is in MiB.

    `cache` is what the model's worker keeps of conversations, which has a bound of its own, and
    `own` is what is resident without it.
    """

    at: float
    replies: int
    failed: int
    resident: float
    cache: float
    handles: int
    threads: int
    tasks: int
    database: float

    @property
    def own(self) -> float:
        return self.resident - self.cache


@dataclass(frozen=True)
class Verdict:
    """How one figure went on after the warm-up: `growth` is what its slope adds up to."""

    figure: str
    first: float
    last: float
    most: float
    growth: float
    allowed: float

    @property
    def flat(self) -> bool:
        return self.growth <= self.allowed


class Sampler:
    """Reads /proc, the metrics and the database's files."""

    def __init__(self, town: Town) -> None:
        assert town.program.process is not None
        self._proc = Path("/proc") / str(town.program.process.pid)
        self._town = town
        self._began = time.monotonic()

    async def sample(self, session: ClientSession) -> Sample:
        """Now."""
        async with session.get(self._town.metrics) as response:
            families = list(text_string_to_metric_families(await response.text()))
        figures = {each.name: each for family in families for each in family.samples}
        ended = [s for family in families for s in family.samples if s.name == _REPLIES]
        status = _status(self._proc)
        return Sample(
            at=round(time.monotonic() - self._began, 1),
            replies=int(sum(each.value for each in ended)),
            failed=int(sum(each.value for each in ended if each.labels["state"] == "failed")),
            resident=round(status["VmRSS"] * 1024 / MEBIBYTE, 2),
            cache=round(_used(families) / MEBIBYTE, 2),
            handles=len(list((self._proc / "fd").iterdir())),
            threads=status["Threads"],
            tasks=int(figures["quipu_asyncio_tasks"].value),
            database=round(self._database() / MEBIBYTE, 3),
        )

    def _database(self) -> int:
        file = self._town.program.file
        return sum(path.stat().st_size for path in file.parent.glob(f"{file.name}*"))


_REPLIES = "quipu_replies_total"


def judge(samples: Sequence[Sample]) -> list[Verdict]:
    """What must be flat, and whether it was."""
    warm = [each for each in samples if each.at >= samples[-1].at * WARM_UP]
    hours = (warm[-1].at - warm[0].at) / 3600
    return [
        _verdict(warm, "own", allowed=TEXTS + MEMORY_PER_HOUR * hours),
        # Connections to the platforms are kept for a while, now more, now fewer of them.
        _verdict(warm, "handles", allowed=8),
        # The event loop's pool makes its few threads when first so many are needed at once.
        _verdict(warm, "threads", allowed=4),
        # Answers under way have tasks of their own, and now more, now fewer are under way.
        _verdict(warm, "tasks", allowed=12),
    ]


def table(samples: Sequence[Sample], verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """The verdicts for people."""
    hours = samples[-1].at * (1 - WARM_UP) / 3600
    return [
        {
            "figure": _NAMES[each.figure],
            "after warm-up": each.first,
            "at the end": each.last,
            "most": each.most,
            "growth by slope": round(each.growth, 2),
            "per hour": round(each.growth / hours, 1),
            "allowed": round(each.allowed, 1),
            "flat": "yes" if each.flat else "NO",
        }
        for each in verdicts
    ]


_NAMES = {
    "own": "resident memory without the cache, MiB",
    "handles": "file handles",
    "threads": "threads",
    "tasks": "asyncio tasks",
}


def _verdict(samples: Sequence[Sample], figure: str, *, allowed: float) -> Verdict:
    values = [float(getattr(each, figure)) for each in samples]
    times = [each.at for each in samples]
    slope = float(np.polyfit(times, values, 1)[0])
    growth = slope * (times[-1] - times[0])
    return Verdict(figure, values[0], values[-1], max(values), growth, allowed)


def _used(families: Sequence[Metric]) -> float:
    samples = [s for family in families for s in family.samples if s.name == "quipu_cache_bytes"]
    return sum(each.value for each in samples if each.labels["kind"] == "used")


def _status(proc: Path) -> dict[str, int]:
    found = {}
    for line in (proc / "status").read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition(":")
        if name in {"VmRSS", "Threads"}:
            found[name] = int(value.split()[0])
    return found
