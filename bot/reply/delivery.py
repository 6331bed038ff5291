"""Shows one reply while it grows: one writer, one request in flight, the latest text wins.

Whoever writes the text never waits for the network. Intermediate edits go by the outlet's budget
and may be lost; the final text is brought until it stands, or until a deadline.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from types import TracebackType
from typing import Self

import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_before_delay,
    wait_random_exponential,
)

from bot.control.response import Button
from bot.errors import PlatformError, Throttled, Undeliverable
from bot.operation.facts import Edits
from bot.ports import Outlet
from bot.reply.messages import Messages
from bot.reply.notices import explained, queued
from bot.values import Part, Reply, Waiting

log = structlog.get_logger(__name__)

PATIENCE = 3.0
"""Seconds after which somebody who waits in the queue is told of it in a message."""
ANEW = 10.0
"""Seconds between two such messages' texts."""

FINAL_DEADLINE = 300.0
"""Seconds for which a final text is brought again and again to a platform that does not take it."""


class Delivery:
    """Brings the text of one reply into its platform messages. An async context manager.

    `journal` is told of every message as soon as it exists, `forget` of every one that was taken
    back. Known `parts` are written over.
    `buttons` are below the last message while the text grows; `finish` replaces them.
    """

    def __init__(
        self,
        outlet: Outlet,
        reply: Reply,
        journal: Callable[[Part], Awaitable[None]],
        *,
        forget: Callable[[int], Awaitable[None]] | None = None,
        buttons: Sequence[Button] = (),
        patience: float = PATIENCE,
        deadline: float = FINAL_DEADLINE,
    ) -> None:
        self._outlet = outlet
        self._reply = reply
        self._messages = Messages(outlet, reply, journal, forget)
        self._buttons = tuple(buttons)
        self._patience = patience
        self._deadline = deadline
        self._text = ""
        self._merged = 0
        self._remark = ""
        self.waiting: Callable[[], Waiting] = Waiting
        self._changed = asyncio.Event()
        self._final = asyncio.Event()
        self._stack = AsyncExitStack()
        self._writer: asyncio.Task[None] | None = None
        self._typist: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self._stack.enter_async_context(self._outlet.open())
        self._typist = asyncio.create_task(self._type(), name=f"type {self._reply.id}")
        self._writer = asyncio.create_task(self._write(), name=f"deliver {self._reply.id}")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        running = [t for t in (self._writer, self._typist) if t and not t.done()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)
        await self._stack.aclose()

    @property
    def text(self) -> str:
        """The text that was last to be shown."""
        return self._text

    @property
    def begun(self) -> bool:
        """Whether people may have seen something of it."""
        return bool(self._text) or self._messages.any

    @property
    def marked(self) -> bool:
        """Whether people may still see an unfinished answer."""
        return self._messages.marked

    @property
    def edits(self) -> Edits:
        """What became of the texts so far."""
        return Edits(self._messages.sent, self._merged, self._messages.throttled)

    @property
    def shown_at(self) -> float | None:
        """When people could first see something of the answer."""
        return self._messages.shown_at

    @property
    def lost(self) -> bool:
        """Whether the platform will never take this reply, so that writing on is in vain."""
        writer = self._writer
        return bool(writer and writer.done() and not writer.cancelled() and writer.exception())

    def show(self, text: str) -> None:
        """The text so far, whole. Returns at once."""
        if self._changed.is_set():  # the one before has not been sent, and goes along with this
            self._merged += 1
        self._text, self._remark = text, ""
        self._changed.set()

    def halt(self) -> None:
        """The answer waits for the database: say so behind its text, or in the place of it."""
        self.waiting = partial(Waiting, halted=True)
        if self._text.strip() and not self._final.is_set():
            self._remark = queued(self.waiting(), self._reply.locale)
        self._changed.set()

    async def finish(self, text: str, buttons: Sequence[Button] = ()) -> None:
        """Bring the final text with its buttons; returns when it stands.

        Raises Undeliverable if the place is gone, PlatformError if the deadline passed.
        """
        assert self._writer is not None
        self._text = text
        self._buttons = tuple(buttons)
        self._final.set()
        self._changed.set()
        await self._writer

    async def abandon(self, text: str, notice: str) -> None:
        """The platform takes no more of this text: let the message that stands last say so.

        Where nothing can be changed any more, nothing is: the platform's errors end here.
        """
        if self.lost:
            try:
                await self._messages.cut_off(text, notice)
            except PlatformError as error:
                log.info("nothing said of the failure", reply=self._reply.id, error=str(error))

    async def _type(self) -> None:
        """Show that an answer is on its way until its first words are seen."""
        async with self._outlet.working(self._place):
            await self._messages.seen.wait()

    def _place(self) -> Waiting:
        return self.waiting()

    async def _write(self) -> None:
        await self._wait_in_queue()
        while not self._final.is_set():
            await self._changed.wait()
            await self._wait_for_budget()
            if self._final.is_set():
                break
            self._changed.clear()
            remark = self._remark
            await self._bring_interim(explained(self._text, remark) if remark else self._text)
        await self._bring_final(self._text)

    async def _wait_in_queue(self) -> None:
        """Until there is text, say in its place how many are before it, if that takes long."""
        seconds, said = self._patience, ""
        while not await self._changed_within(seconds):
            words = queued(self.waiting(), self._reply.locale)
            # Where a text can only grow, nothing may stand in its place.
            if words in ("", said) or self._outlet.appends or self._outlet.pause() > 0:
                continue
            seconds, said = ANEW, words
            try:
                await self._messages.show_notice(words, self._buttons)
            except PlatformError as error:
                log.info("place in the queue not shown", reply=self._reply.id, error=str(error))
                if isinstance(error, Undeliverable):
                    raise

    async def _changed_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                return await self._changed.wait()
        except TimeoutError:
            return False

    async def _wait_for_budget(self) -> None:
        """Wait until an edit is within budget; a final text ends the waiting."""
        while not self._final.is_set() and (pause := self._outlet.pause()) > 0:
            await self._final_within(pause)

    async def _final_within(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._final.wait()
        except TimeoutError:
            return

    async def _bring_interim(self, text: str) -> None:
        try:
            await self._messages.bring(text, self._buttons, final=False)
        except Undeliverable:
            raise
        except PlatformError as error:
            log.info("edit lost", reply=self._reply.id, error=str(error))
            self._changed.set()  # the text has still to be shown
            pause = error.retry_after if isinstance(error, Throttled) else 1.0
            await self._final_within(pause)

    async def _bring_final(self, text: str) -> None:
        async for attempt in AsyncRetrying(
            retry=retry_if_exception(_worth_another_try),
            stop=stop_before_delay(self._deadline),
            wait=_wait,
            reraise=True,
        ):
            with attempt:
                await self._messages.bring(text, self._buttons, final=True)
                await self._messages.drop_surplus(text)


def _worth_another_try(error: BaseException) -> bool:
    return isinstance(error, PlatformError) and not isinstance(error, Undeliverable)


_backoff = wait_random_exponential(multiplier=0.5, max=20)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return error.retry_after if isinstance(error, Throttled) else _backoff(state)
