"""Shows one reply while it grows: one writer, one request in flight, the latest text wins.

Whoever writes the text never waits for the network. Intermediate edits go by the outlet's budget
and may be lost; the final text is brought until it stands, or until a deadline.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self

import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    stop_after_delay,
    wait_random_exponential,
)

from bot.control.response import Button
from bot.errors import PlatformError, Throttled, Undeliverable
from bot.operation.facts import Edits
from bot.ports import Outlet
from bot.reply.notices import queued
from bot.text.honest import honest
from bot.text.split import Split, split
from bot.values import Part, Place, Reply, ReplyState, Waiting

log = structlog.get_logger(__name__)

MARKER = " ▌"
"""What platforms show behind an unfinished answer. It is never part of the text."""

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
        self._journal = journal
        self._forget = forget
        self._buttons = tuple(buttons)
        self._patience = patience
        self._deadline = deadline
        self._messages = {part.index: part.message_id for part in reply.parts}
        self._shown: dict[int, tuple[str, bool, tuple[Button, ...]]] = {}
        self._tried: set[int] = set()
        self._text = ""
        self._edits = Counter[str]()
        self.shown_at: float | None = None
        self.waiting: Callable[[], Waiting] = Waiting
        self._changed = asyncio.Event()
        self._final = asyncio.Event()
        self._stack = AsyncExitStack()
        self._seen = asyncio.Event()
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
    def edits(self) -> Edits:
        """What became of the texts so far."""
        return Edits(**self._edits)

    @property
    def lost(self) -> bool:
        """Whether the platform will never take this reply, so that writing on is in vain."""
        writer = self._writer
        return bool(writer and writer.done() and not writer.cancelled() and writer.exception())

    def show(self, text: str) -> None:
        """The text so far, whole. Returns at once."""
        if self._changed.is_set():  # the one before has not been sent, and goes along with this
            self._edits["merged"] += 1
        self._text = text
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

    async def _type(self) -> None:
        """Show that an answer is on its way until its first words are seen."""
        async with self._outlet.working(self._place):
            await self._seen.wait()

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
            await self._bring_interim(self._text)
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
                await self._bring_part(0, words, final=False, buttons=self._buttons)
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
            await self._bring(text, final=False)
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
            stop=stop_after_delay(self._deadline),
            wait=_wait,
            reraise=True,
        ):
            with attempt:
                await self._bring(text, final=True)
                await self._drop_surplus(text)

    async def _bring(self, text: str, *, final: bool) -> None:
        """Create and edit messages until they show `text`, the last of them with the buttons."""
        parts = self._parts(text)
        for index, part in enumerate(parts[:-1]):
            await self._bring_part(index, part.shown, final=True)
        for last in parts[-1:]:
            shown = last.shown
            if not final:
                shown = (last.growing if self._outlet.appends else shown) + self._outlet.marker
            await self._bring_part(len(parts) - 1, shown, final=final, buttons=self._buttons)
            if self._text and self.shown_at is None:
                self.shown_at = time.monotonic()
            self._seen.set()

    def _parts(self, text: str) -> list[Split]:
        # Always with room for the marker: with and without it the parts must be the same.
        limit = self._outlet.limit - len(MARKER)
        return split(honest(text), limit, hides=self._outlet.hides)

    async def _bring_part(
        self, index: int, text: str, *, final: bool, buttons: tuple[Button, ...] = ()
    ) -> None:
        if self._shown.get(index) == (text, final, buttons):
            return
        try:
            await self._sent(index, text, final=final, buttons=buttons)
        except Throttled:
            self._edits["throttled"] += 1
            raise
        self._shown[index] = (text, final, buttons)

    async def _sent(
        self, index: int, text: str, *, final: bool, buttons: tuple[Button, ...]
    ) -> None:
        if index in self._messages:
            message_id = self._messages[index]
            await self._outlet.edit(message_id, text, final=final, buttons=buttons)
            self._edits["sent"] += 1
        else:
            await self._create(index, text, final=final, buttons=buttons)

    async def _create(
        self, index: int, text: str, *, final: bool, buttons: tuple[Button, ...]
    ) -> None:
        # An earlier try, or an earlier run of the program, may have posted this part already with
        # an older text; the platform then gives back that message as it stands.
        again = index in self._tried or self._reply.state is not ReplyState.CLAIMED
        self._tried.add(index)
        key = nonce(self._reply, index)
        answer = text if self._text else ""  # a place in the queue is no part of the answer
        message_id = await self._outlet.create(
            text, nonce=key, final=final, again=again, buttons=buttons
        )
        self._edits["sent"] += 1
        self._messages[index] = message_id
        await self._journal(Part(index, message_id, answer))
        if again:
            await self._outlet.edit(message_id, text, final=final, buttons=buttons)
            self._edits["sent"] += 1

    async def _drop_surplus(self, text: str) -> None:
        """Take back messages of an earlier, longer attempt at this answer."""
        needed = len(self._parts(text))
        for index in [i for i in self._messages if i >= needed]:
            await self._outlet.delete(self._messages[index])
            del self._messages[index]
            if self._forget is not None:
                await self._forget(index)


def nonce(reply: Reply, index: int) -> str:
    """The same for the same part of the same reply, also after a restart: 24 hexadecimal digits.

    Another one when the reply is given again: the platform may remember a message that a shorter
    answer has taken back.
    """
    return _digest(f"{reply.place.id}/{reply.message_id}/{index}/{reply.claimed_at.isoformat()}")


def excuse_nonce(place: Place, message_id: str) -> str:
    """For what is said to a message that has no reply."""
    return _digest(f"{place.id}/{message_id}")


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:24]


def _worth_another_try(error: BaseException) -> bool:
    return isinstance(error, PlatformError) and not isinstance(error, Undeliverable)


_backoff = wait_random_exponential(multiplier=0.5, max=20)


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    return error.retry_after if isinstance(error, Throttled) else _backoff(state)
