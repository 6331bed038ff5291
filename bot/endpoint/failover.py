"""Several servers for one model: which one to ask, and what to do when it fails."""

from __future__ import annotations

import zlib
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_attempt,
    wait_random_exponential,
)

from bot.endpoint.asking import Asked
from bot.endpoint.failure import Again, Failure
from bot.endpoint.pieces import Piece
from bot.endpoint.replica import Begun, Replica

LOYALTY = 4
"""By how many answers a Place's own server may be busier than another before the Place leaves it:
there the conversation's beginning is still in the cache."""

PATIENCE = 10.0
"""Seconds that a person waits for a server which asks for a pause; more, and they are told."""


class Failover:
    """Asks the replicas in turn until one begins to answer; then nothing is tried again.

    Each is tried once, and `retries` more attempts are made after pauses.
    """

    def __init__(self, replicas: Sequence[Replica], *, retries: int) -> None:
        self.replicas = tuple(replicas)
        self._attempts = len(self.replicas) + retries

    async def pieces(self, asked: Asked) -> AsyncGenerator[Piece, None]:
        """The answer. Raises what the last failure means."""
        try:
            begun = await _Search(self.replicas, asked, self._attempts).begin()
            async with aclosing(begun.rest):
                piece: Piece | None = begun.first
                while piece is not None:
                    yield piece
                    piece = await begun.replica.next(begun)
        except Failure as failure:
            raise failure.error from failure


class _Search:
    """Looks for a server that begins one answer."""

    def __init__(self, replicas: Sequence[Replica], asked: Asked, attempts: int) -> None:
        self._replicas = replicas
        self._asked = asked
        self._tried: set[Replica] = set()
        self._backoff = wait_random_exponential(multiplier=0.25, max=PATIENCE / 2)
        self._retrying = AsyncRetrying(
            stop=stop_after_attempt(attempts),
            retry=retry_if_exception(self._worth_another),
            wait=self._pause,
            reraise=True,
        )

    async def begin(self) -> Begun:
        return await self._retrying(self._attempt)

    async def _attempt(self) -> Begun:
        replica = self._next()
        self._tried.add(replica)
        return await replica.begin(self._asked)

    def _next(self) -> Replica:
        """The least busy one that is well, and the Place's own where that makes no difference."""
        candidates = self._fresh or [r for r in self._replicas if not r.rests]
        if not candidates:
            return min(self._untried or self._replicas, key=lambda r: r.rests_until)
        home = max(self._replicas, key=self._nearness)
        return min(candidates, key=lambda r: (r.active - LOYALTY * (r is home), -self._nearness(r)))

    def _nearness(self, replica: Replica) -> int:
        return zlib.crc32(f"{self._asked.place} {replica.url}".encode())

    @property
    def _untried(self) -> list[Replica]:
        return [r for r in self._replicas if r not in self._tried]

    @property
    def _fresh(self) -> list[Replica]:
        return [r for r in self._untried if not r.rests]

    def _worth_another(self, error: BaseException) -> bool:
        if not isinstance(error, Failure) or error.again is Again.NOWHERE:
            return False
        if self._untried:
            return True
        return error.again is Again.ANYWHERE and (error.after or 0.0) <= PATIENCE

    def _pause(self, state: RetryCallState) -> float:
        failure = state.outcome.exception() if state.outcome else None
        if self._untried:
            return 0.0
        asked_for = failure.after if isinstance(failure, Failure) else None
        return self._backoff(state) if asked_for is None else asked_for
