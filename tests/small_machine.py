"""A machine with little memory, as a container's limits make it."""

from __future__ import annotations

from pathlib import Path

import pytest


def limit_memory(
    folder: Path, monkeypatch: pytest.MonkeyPatch, most: int, *, used: int = 0
) -> None:
    """From now on there are so many bytes in all, without swap."""
    monkeypatch.setattr("bot.generation.weights.machine.CGROUP", limited(folder, most, used=used))


def limited(folder: Path, most: int, *, used: int = 0) -> Path:
    """The files of a control group that may take so many bytes."""
    group = folder / "cgroup"
    group.mkdir(exist_ok=True)
    numbers = {"memory.max": most, "memory.swap.max": 0, "memory.current": used}
    for name, number in numbers.items():
        (group / name).write_text(f"{number}\n", encoding="utf-8")
    return group
