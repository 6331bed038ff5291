"""One model ready for use, and what a model is before it is in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bot.ports import Generator
from bot.prompt.builder import PromptBuilder
from bot.values import Sampling


@dataclass(frozen=True, slots=True)
class Engine:
    """What formats prompts and generates for one model.

    `sampling` is what holds where nobody chose otherwise, `precision` how the weights are stored
    ("endpoint" if they are elsewhere), `adapters` the names that `generate` takes. It is `greedy`
    if it always takes the likeliest token because its files recommend that, and nobody chose it.
    """

    title: str
    builder: PromptBuilder
    generator: Generator
    sampling: Sampling
    precision: str = ""
    adapters: tuple[str, ...] = ()
    greedy: bool = False


@dataclass(frozen=True, slots=True)
class Waking:
    """A model that is being loaded: for how many seconds, and how many are left.

    `left` is what the last load took, less what has passed; None if none was seen yet.
    """

    title: str
    passed: float
    left: float | None


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes of memory: what a model needs, what is free for it now, and what there could be.

    Models whose `devices` meet compete for the same memory.
    """

    devices: frozenset[str]
    needs: int
    free: int
    total: int


class Source(Protocol):
    """A configured model, in memory or not. All methods may block for long: call them in a thread.

    They raise QuipuError with words that say what to do.
    """

    @property
    def title(self) -> str: ...

    @property
    def idle(self) -> float:
        """Seconds without use after which the model is unloaded; 0 is never."""

    @property
    def warm(self) -> bool:
        """Whether the model is loaded at start."""

    @property
    def adapters(self) -> tuple[str, ...]:
        """The names that its engine will have."""

    def fetch(self) -> None:
        """Bring the model's files to this machine."""

    def builder(self) -> PromptBuilder:
        """A prompt builder from the small files alone."""

    def room(self) -> Room | None:
        """The memory in question; None for a model that takes none here."""

    def load(self) -> Engine:
        """The model ready for use."""

    def release(self) -> None:
        """Give memory that is no longer used back to the machine."""
