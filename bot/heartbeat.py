"""The sign of life that a running Quipu leaves in a file, and how to read it from outside.

The file's age says whether the process lives, its text what was not ready then.
"""

from __future__ import annotations

import time
from pathlib import Path

INTERVAL = 15.0
"""Seconds between two beats."""

OVERDUE = 60.0
"""Seconds after which a process that has not beaten counts as stuck."""


def beat(path: Path, unready: str = "") -> None:
    """Leave a sign of life now; its age is the file's own. `unready` is what is not ready."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(unready, encoding="utf-8")


def age(path: Path) -> float | None:
    """Seconds since the last beat, None if there never was one."""
    try:
        return max(0.0, time.time() - path.stat().st_mtime)
    except FileNotFoundError:
        return None


def unready(path: Path) -> str:
    """What was not ready at the last beat; empty if all was."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def fresh(path: Path, within: float = OVERDUE) -> bool:
    """Whether the last beat is at most `within` seconds old."""
    last = age(path)
    return last is not None and last <= within
