"""Figures as a running program would give them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from bot.operation.figures import WELL, Condition, DeviceMemory, Figures, ModelFigures


@dataclass(frozen=True)
class Busy:
    """A Load."""

    running: int = 2
    waiting: int = 3
    retained: int = 4
    taken_tokens: int = 100
    room_tokens: int = 900
    bytes_used: int = 1000
    bytes_budgeted: int = 10_000
    steps: int = 5
    step_seconds: float | None = 0.02
    preempted: int = 1
    evicted: int = 2
    failures: int = 0
    restarts: int = 1
    shortages: int = 0
    lost: bool = False


FIGURES = Figures(
    models=(
        ModelFigures("Llama 2", True, Busy(), 1.5),
        ModelFigures("Asleep", False, None, None),
    ),
    memory=(DeviceMemory("cuda:0", 20, 80),),
    platforms={"discord": True, "slack": False},
    conditions={"model": WELL, "slack": Condition(ready=False, note="is not connected")},
    answering=2,
    waiting=1,
    database_bytes=4096,
    tasks=12,
    threads=5,
)


def figures(**changed: Any) -> Figures:
    return replace(FIGURES, **changed)
