"""One answer on its way from a server; see `bot.ports.Answer`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing

import structlog

from bot.endpoint.asking import Asked
from bot.endpoint.pieces import Piece, Usage
from bot.errors import GenerationError, QuipuError
from bot.text.repetition import Circles
from bot.text.stream import TextStream
from bot.values import Finish, FinishReason

log = structlog.get_logger(__name__)

SLACK = 64
"""Pieces of text beyond twice the tokens asked for, after which an answer is cut off."""


class EndpointAnswer:
    """Reads a server's answer in a task of its own, so that it goes on while nobody listens.

    Text that came before a failure is given first, then the failure is raised. An answer has an
    end even if the server sees none.
    """

    def __init__(self, asked: Asked, pieces: AsyncGenerator[Piece, None], circles: Circles) -> None:
        self.finish: Finish | None = None
        self._asked = asked
        before = [ord(character) for character in asked.prompt.begun[-1:]]
        self._stream = TextStream(_spelled, asked.stops, before)
        self._circles = circles
        self._new = ""
        self._count = 0
        self._usage: Usage | None = None
        self._ending: FinishReason | QuipuError | None = None
        self._arrived = asyncio.Event()
        self.task = asyncio.create_task(self._read(pieces), name="endpoint answer")

    @property
    def _most(self) -> int:
        """Pieces of an answer as long as was asked for; some servers send halves of tokens."""
        return 2 * self._asked.sampling.max_new_tokens + SLACK

    @property
    def waiting(self) -> int:
        """The place in the queue is the server's secret."""
        return 0

    @property
    def wait(self) -> float | None:
        """Unknown."""
        return None

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        while self.finish is None:
            if text := self._new:
                self._new = ""
                return text
            if isinstance(self._ending, QuipuError):
                raise self._ending
            if self._ending is not None:
                self._finish(self._ending)
            else:
                self._arrived.clear()
                await self._arrived.wait()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Give up the answer and hang up, so that the server stops. May be called at any time."""
        if self.finish is None and not isinstance(self._ending, QuipuError):
            self._finish(FinishReason.CANCELLED)
        await self._hang_up()

    async def break_off(self, reason: str) -> None:
        """End with an error, because the house closes."""
        if self._ending is None:
            self._end(GenerationError(reason))
        await self._hang_up()

    async def _hang_up(self) -> None:
        self.task.cancel()
        await asyncio.wait([self.task])

    async def _read(self, pieces: AsyncGenerator[Piece, None]) -> None:
        try:
            async with aclosing(pieces):
                reason = await self._taken(pieces)
            if reason is not FinishReason.REPEATED:
                self._new += self._stream.finish()
            self._end(reason)
        except QuipuError as error:
            self._end(error)
        except Exception as error:
            log.exception("answer of a server failed unexpectedly", place=self._asked.place)
            self._end(GenerationError(f"unexpected {type(error).__name__}: {error}"))

    async def _taken(self, pieces: AsyncGenerator[Piece, None]) -> FinishReason:
        """Read until the answer ends, or until it should have ended by what the house knows."""
        reason = FinishReason.STOP
        async for piece in pieces:
            self._count += bool(piece.text)
            self._usage = piece.usage or self._usage
            if text := self._stream.push([ord(character) for character in piece.text]):
                self._new += text
                self._arrived.set()
            if self._stream.stopped:
                return FinishReason.STOP
            if piece.text and self._circles.push(text, 1):
                return FinishReason.REPEATED
            if self._count > self._most:
                return FinishReason.LENGTH
            if piece.reason is not None:
                reason = _reason(piece.reason)
            await asyncio.sleep(0)  # what has piled up is read without waiting, and others wait
        return reason

    def _end(self, ending: FinishReason | QuipuError) -> None:
        self._ending = self._ending or ending
        self._arrived.set()

    def _finish(self, reason: FinishReason) -> None:
        size = len(self._asked.prompt.ids)
        usage = self._usage or Usage(self._count, size, 0)
        self.finish = Finish(
            reason=reason,
            tokens=usage.tokens,
            prompt_tokens=usage.prompt_tokens or size,
            reused=usage.reused,
            seed=self._asked.sampling.seed,
            surplus=self._circles.surplus,
        )
        self._ending = reason
        self._new = ""
        self._arrived.set()


def _spelled(characters: Sequence[int]) -> str:
    """A server sends text: to the text stream each character is a token, its number the id."""
    return "".join(map(chr, characters)).encode("utf-8", "replace").decode("utf-8")


def _reason(word: str) -> FinishReason:
    if word == "abort":
        raise GenerationError("the server gave up the answer")
    return FinishReason.LENGTH if word == "length" else FinishReason.STOP
