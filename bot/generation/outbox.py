"""What a step produced, on its way from the worker's thread to the event loops that wait."""

from __future__ import annotations

from asyncio import AbstractEventLoop
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.generation.scheduler import Ending


class Listener(Protocol):
    """Whoever waits for a request's tokens; called in its own event loop."""

    def arrive(self, tokens: Sequence[int], ending: Ending | None) -> None:
        """New tokens, and with the last of them the ending."""


@dataclass(frozen=True, slots=True)
class Ear:
    """A listener and the loop it listens in."""

    loop: AbstractEventLoop
    listener: Listener


@dataclass(frozen=True, slots=True)
class Letter:
    """What one listener gets."""

    listener: Listener
    tokens: Sequence[int]
    ending: Ending | None


class Outbox:
    """Collects letters, then wakes every loop once for all of them."""

    def __init__(self) -> None:
        self._letters: dict[AbstractEventLoop, list[Letter]] = {}

    def put(self, ear: Ear, tokens: Sequence[int], ending: Ending | None) -> None:
        """Keep a letter until `send`."""
        letters = self._letters.setdefault(ear.loop, [])
        letters.append(Letter(ear.listener, tokens, ending))

    def send(self) -> list[AbstractEventLoop]:
        """Hand everything over; returns the loops that are closed, where nobody listens."""
        closed = []
        while self._letters:
            loop, batch = next(iter(self._letters.items()))
            if not _hand_over(loop, batch):
                closed.append(loop)
            del self._letters[loop]  # only now: what failed on its way is sent again
        return closed


def _hand_over(loop: AbstractEventLoop, letters: Sequence[Letter]) -> bool:
    try:
        loop.call_soon_threadsafe(_deliver, letters)
    except RuntimeError:  # what asyncio raises for a closed loop
        return False
    return True


def _deliver(letters: Sequence[Letter]) -> None:
    for letter in letters:
        letter.listener.arrive(letter.tokens, letter.ending)
