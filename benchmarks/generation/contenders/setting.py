"""What a contender is told when its process starts, and what it can do. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from benchmarks.generation.loads import Load, Served


@dataclass(frozen=True, slots=True)
class Setting:
    """Which model, where, how precise; `prototype` is the path of the prototype's file."""

    shape: str
    checkpoint: str
    device: str
    dtype: str
    threads: int
    quantisation: str = "none"
    prototype: str = ""

    @property
    def path(self) -> Path:
        return Path(self.checkpoint)


class Contender(Protocol):
    """A way to run the model, loaded and ready."""

    def serve(self, load: Load) -> Served:
        """Answer all requests greedily, each not before its time."""

    def bytes(self) -> int:
        """What the weights take in memory."""
