"""A generator with the pace of a real one: so many tokens a second, every time the same text."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from bot.values import Finish, FinishReason, Place, Prompt, Sampling

SENTENCE = "The knots of a quipu hold numbers and names in cords of many colours. "


def text(tokens: int) -> list[str]:
    """Deltas of about four characters each."""
    letters = SENTENCE * (4 * tokens // len(SENTENCE) + 1)
    return [letters[4 * i : 4 * i + 4] for i in range(tokens)]


class PacedAnswer:
    """One answer. `ended_at` is when its last token is there, whether or not anybody takes it."""

    def __init__(self, deltas: list[str], rate: float) -> None:
        self.finish: Finish | None = None
        self.ended_at = 0.0
        self.waiting = 0
        self.wait: float | None = None
        self._deltas = deltas
        self._rate = rate

    async def __aiter__(self) -> AsyncIterator[str]:
        begun = time.monotonic()
        self.ended_at = begun + (len(self._deltas) - 1) / self._rate
        for index, delta in enumerate(self._deltas):
            await asyncio.sleep(max(0.0, begun + index / self._rate - time.monotonic()))
            yield delta
        self.finish = Finish(FinishReason.STOP, len(self._deltas), 1)

    async def aclose(self) -> None:
        """Nothing is held."""


class PacedGenerator:
    """Gives every answer at `rate` tokens a second, however many there are at once."""

    context = 4096

    def __init__(self, *, tokens: int, rate: float) -> None:
        self._deltas = text(tokens)
        self._rate = rate
        self.answers: dict[str, PacedAnswer] = {}

    def generate(
        self, prompt: Prompt, sampling: Sampling, place: Place, *, adapter: str = ""
    ) -> PacedAnswer:
        """Begin an answer; the prompt does not matter."""
        del prompt, sampling, adapter
        self.answers[place.channel] = PacedAnswer(self._deltas, self._rate)
        return self.answers[place.channel]

    async def close(self) -> None:
        """Nothing is held."""
