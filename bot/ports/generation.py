"""What the core needs of what turns prompts into text."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from bot.values import (
    Finish,
    Place,
    Prompt,
    Sampling,
)


class Answer(Protocol):
    """One answer being written: iterate for text, close to stop early.

    Iteration yields new text, whole characters only and never a stop string. It raises
    GenerationError if this answer failed. `finish` is set once the iteration has ended.
    """

    finish: Finish | None

    @property
    def waiting(self) -> int:
        """The place in the queue; 0 once the model works on this answer."""

    @property
    def wait(self) -> float | None:
        """Seconds until the model begins, estimated from measured speed; None if unknown."""

    def __aiter__(self) -> AsyncIterator[str]: ...

    async def aclose(self) -> None:
        """Give up the answer and free its place in the batch. May be called at any time."""


class Generator(Protocol):
    """What turns prompts into text: in this process, or at an endpoint."""

    @property
    def context(self) -> int:
        """Tokens that prompt and answer may have together."""

    def generate(
        self, prompt: Prompt, sampling: Sampling, place: Place, *, adapter: str = ""
    ) -> Answer:
        """Queue the prompt; Busy if the queue is full, Refused if the request is not sound.

        `adapter` names one of the model's adapters; empty is the model itself.
        """

    async def close(self) -> None:
        """Stop the worker; running answers raise GenerationError."""
