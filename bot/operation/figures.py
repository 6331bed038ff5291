"""Figures of the moment: how busy models are, what memory they take, who is connected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Condition:
    """Whether a part is ready, and what is to be said about it. Strangers may read it."""

    ready: bool
    note: str = ""


WELL = Condition(ready=True)


@runtime_checkable
class Load(Protocol):
    """What a generator in this process says of itself (see `bot.generation.generator.Stats`)."""

    @property
    def running(self) -> int: ...
    @property
    def waiting(self) -> int: ...
    @property
    def retained(self) -> int: ...
    @property
    def taken_tokens(self) -> int: ...
    @property
    def room_tokens(self) -> int: ...
    @property
    def bytes_used(self) -> int: ...
    @property
    def bytes_budgeted(self) -> int: ...
    @property
    def steps(self) -> int: ...
    @property
    def step_seconds(self) -> float | None: ...
    @property
    def preempted(self) -> int: ...
    @property
    def evicted(self) -> int: ...
    @property
    def failures(self) -> int: ...
    @property
    def restarts(self) -> int: ...
    @property
    def shortages(self) -> int: ...
    @property
    def lost(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """Bytes of one device: `used` by this process, of `total`."""

    device: str
    used: int
    total: int


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """One configured model. `load` is None for one that is not in memory, or at a server.

    `answered` is how many seconds ago it gave text.
    """

    title: str
    loaded: bool
    load: Load | None
    answered: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """All that is looked up rather than counted."""

    models: tuple[ModelFigures, ...]
    memory: tuple[DeviceMemory, ...]
    platforms: Mapping[str, bool]
    conditions: Mapping[str, Condition]
    answering: int
    waiting: int
    database_bytes: int | None
    tasks: int
    threads: int
