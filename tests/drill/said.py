"""What people said to the bot, wherever they said it, and what they see of its answers."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tests.loopback.timeline import Version


@dataclass(frozen=True)
class Shown:
    """A message of the bot as people see it now."""

    id: str
    content: str
    unfinished: bool
    """Whether it shows the mark of an unfinished answer, or is a stream that is still open."""
    timeline: Sequence[Version] = field(repr=False)


@dataclass(frozen=True)
class Said:
    """One message for the bot. `id` is how the program's database calls it."""

    number: int
    id: str
    spot: Spot = field(repr=False)
    author: str
    words: str
    lines: frozenset[str]
    """The program's connections at which it was told."""
    at: float = field(default_factory=time.monotonic)


class Spot(Protocol):
    """A conversation on one platform, and how people talk there."""

    platform: str
    name: str

    @property
    def people(self) -> Sequence[str]:
        """The names of those who talk here."""

    async def say(self, who: str, number: int, words: str) -> Said:
        """Say something to the bot."""

    def bot_said(self) -> list[Shown]:
        """Everything that the bot says here."""

    def seems_answered(self, said: Said) -> bool:
        """Whether people see a finished answer to this or to something later."""


MARK = "▌"
