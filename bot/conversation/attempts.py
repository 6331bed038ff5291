"""Answers over which the program may have ended: begun again, but not at every start."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from typing import TypeVar

import structlog

from bot.control.words import say
from bot.errors import StorageError
from bot.ports import Store
from bot.values import Reply, ReplyState

log = structlog.get_logger(__name__)

Text = TypeVar("Text")

MOST = 3
"""Starts of the program that begin an answer; see `Attempts`."""


class Attempts:
    """One answer can end the whole program each time: by more memory than there is, for instance.

    What was begun at so many starts and never ended is given up. Others were under way at the same
    moments, so the last attempts are made one after the other: only the guilty one fails again.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._begun = set[int]()
        self._suspects = set[int]()
        self._turn = asyncio.Lock()

    async def begin(self, reply: Reply) -> None:
        """The reply waits for the model now; the first time since the start is an attempt."""
        attempt = reply.id not in self._begun
        await self._store.advance(reply.id, ReplyState.QUEUED, attempt=attempt)
        self._begun.add(reply.id)

    def ended(self, reply: Reply) -> None:
        """It did not end the program."""
        self._begun.discard(reply.id)
        self._suspects.discard(reply.id)

    def suspect(self, reply: Reply) -> None:
        """The model was lost over it, or beside it, for which the program now ends in order."""
        self._suspects.add(reply.id)

    async def spare(self, reply: Reply) -> None:
        """It was cut off in order, by a stop or a lost line: that was no attempt."""
        if reply.id in self._begun - self._suspects:
            self._begun.discard(reply.id)
            try:
                await self._store.spare(reply.id)
            except StorageError as error:  # then it counts, as after a sudden end
                log.info("attempt not taken back", reply=reply.id, error=str(error))

    def exhausted(self, reply: Reply) -> bool:
        """Whether a reply found unfinished is not to be begun again."""
        return reply.attempts >= MOST and reply.id not in self._begun

    def notice(self, reply: Reply) -> str:
        """What is said where a reply stands that is not begun again."""
        if self.exhausted(reply):
            return say("conversation.given_up", reply.locale)
        return say("conversation.interrupted", reply.locale)

    async def alone(self, reply: Reply, write: Callable[[], Awaitable[Text]]) -> Text:
        """Let the answer be written, at its last attempt by itself.

        Bringing it is no part of that: a platform that is slow must hold up nobody else.
        """
        async with self._turn if reply.attempts == MOST - 1 else nullcontext():
            return await write()
