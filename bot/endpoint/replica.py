"""One of the servers that serve the same model: its load, its health, and how it is asked."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from bot.endpoint.abilities import Abilities, TokenIds
from bot.endpoint.asking import Asked, body
from bot.endpoint.failure import Again, Failure, silent
from bot.endpoint.pieces import Piece
from bot.errors import ConfigError, GenerationError
from bot.extras import to_install

if TYPE_CHECKING:
    from bot.endpoint.client import Client

log = structlog.get_logger(__name__)

FIRST_REST, LONGEST_REST = 1.0, 60.0
MOST_LESSONS = 8
"""Refusals of one request that teach something, after which it is given up."""


@dataclass(frozen=True, slots=True)
class Begun:
    """An answer whose first text has come; nothing of it is tried again."""

    replica: Replica
    first: Piece
    rest: AsyncGenerator[Piece, None]


class Replica:
    """A server. `active` answers are being written; while it `rests` it is asked only in need.

    A failed one rests for a second, and twice as long each time it fails again.
    """

    def __init__(
        self,
        url: str,
        *,
        api_key: str,
        token_ids: TokenIds,
        connect: float,
        first: float,
        gap: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.client = _connect(url, api_key, connect, max(first, gap))
        self.abilities = Abilities(self.client, token_ids)
        self.url = url
        self.active = 0
        self.rests_until = 0.0
        self._failures = 0
        self._first, self._gap = first, gap
        self._clock = clock

    @property
    def rests(self) -> bool:
        """Whether it failed a short while ago."""
        return self._clock() < self.rests_until

    async def begin(self, asked: Asked) -> Begun:
        """Ask, and wait for the first text. Raises Failure."""
        rest = self._pieces(asked)
        try:
            async with asyncio.timeout(self._first):
                first = await anext(rest)
        except TimeoutError:
            raise self.failed(silent(self.url, self._first)) from None
        except Failure as failure:
            raise self.failed(failure) from failure.__cause__
        self._well()
        return Begun(self, first, rest)

    async def next(self, begun: Begun) -> Piece | None:
        """What came next, None at the end. Raises Failure, and nothing is tried again."""
        try:
            async with asyncio.timeout(self._gap):
                return await anext(begun.rest, None)
        except TimeoutError:
            raise self.failed(silent(self.url, self._gap)) from None
        except Failure as failure:
            raise self.failed(failure) from failure.__cause__

    def failed(self, failure: Failure) -> Failure:
        """Take note of a failure, which is given back; one that is the request's own is none."""
        if failure.again is not Again.NOWHERE:
            self._failures += 1
            pause = min(LONGEST_REST, FIRST_REST * 2.0 ** (self._failures - 1))
            if failure.after is not None:
                pause = min(LONGEST_REST, failure.after)
            self.rests_until = self._clock() + pause
            log.warning("server rests", url=self.url, seconds=pause, reason=str(failure))
        return failure

    async def close(self) -> None:
        """Close its connections."""
        await self.client.close()

    def _well(self) -> None:
        if self._failures:
            log.info("server is back", url=self.url, failures=self._failures)
        self._failures = 0
        self.rests_until = 0.0

    async def _pieces(self, asked: Asked) -> AsyncGenerator[Piece, None]:
        self.active += 1
        try:
            for _ in range(MOST_LESSONS):
                chat = await self.abilities.chat(asked)
                sent = body(asked, chat=chat, without=self.abilities.without)
                begun = False
                try:
                    async with aclosing(self.client.stream(sent)) as pieces:
                        async for piece in pieces:
                            begun = True
                            yield piece
                except Failure as failure:
                    if begun or not self.abilities.learn(failure, sent):
                        raise
                else:
                    return
            words = f"{self.url} refuses one setting after the other"
            raise Failure(GenerationError(words), Again.ELSEWHERE)
        finally:
            self.active -= 1


def _connect(url: str, api_key: str, connect: float, timeout: float) -> Client:
    try:
        from bot.endpoint.client import Client
    except ImportError as error:
        raise ConfigError(
            f"models at an endpoint need the openai library: {to_install('endpoint')}"
        ) from error
    return Client(url, api_key=api_key, connect=connect, timeout=timeout)
