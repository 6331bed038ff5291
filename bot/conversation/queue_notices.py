"""Tells people whose message waits behind others of the same Place how many are before it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from bot.conversation.keeping import surely
from bot.errors import PlatformError, QuipuError, StorageError
from bot.ports import Outlet, Store
from bot.reply.delivery import ANEW, PATIENCE
from bot.reply.messages import nonce
from bot.reply.notices import queued
from bot.values import Part, Reply, ReplyState, Waiting

log = structlog.get_logger(__name__)


class QueueNotices:
    """Posts a message for a reply that waits for more than `patience` seconds.

    The message becomes the answer's first one; it is in the journal, its text is not.
    """

    def __init__(self, store: Store, *, patience: float = PATIENCE) -> None:
        self._store = store
        self._patience = patience
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._replies: dict[int, Reply] = {}
        self._unsaved: set[int] = set()
        self._dropping: set[asyncio.Task[None]] = set()
        self._open = True

    def begin(self, reply: Reply, outlet: Outlet, ahead: Callable[[], int]) -> None:
        """From now on the reply waits; `ahead` says how many are before it."""
        if not self._open:
            return
        self._tasks[reply.id] = asyncio.create_task(
            self._keep(reply, outlet, ahead), name=f"queue notice {reply.id}"
        )

    async def end(self, reply: Reply) -> Reply:
        """The reply's turn has come; it knows the message that was posted for it."""
        task = self._tasks.pop(reply.id, None)
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        known = self._replies.pop(reply.id, reply)
        if reply.id in self._unsaved:
            self._unsaved.discard(reply.id)
            await self._save(known)
        return known

    async def _save(self, reply: Reply) -> None:
        """Note the message that the database did not take when it was posted."""
        try:
            for part in reply.parts:
                await surely(self._store, partial(self._store.save_part, reply.id, part))
        except StorageError as error:
            log.warning("message not noted", reply=reply.id, error=str(error))

    def forget(self, reply: Reply) -> None:
        """The reply has ended with the message that was posted for it."""
        self._replies.pop(reply.id, None)

    async def drop(self, reply: Reply, outlet: Outlet) -> None:
        """The reply was not given by itself: take its message back."""
        for part in (await self.end(reply)).parts:
            try:
                await outlet.delete(part.message_id)
                await self._store.drop_part(reply.id, part.index)
            except QuipuError as error:
                log.warning("queue notice left behind", reply=reply.id, error=str(error))

    def drop_beside(self, replies: Sequence[tuple[Reply, Outlet]]) -> None:
        """Take back what a crash left, each beside the others; nobody waits for it."""
        for reply, outlet in replies:
            task = asyncio.create_task(self.drop(reply, outlet), name=f"drop notice {reply.id}")
            self._dropping.add(task)
            task.add_done_callback(self._dropping.discard)

    async def dropped(self) -> None:
        """Wait until what a crash left has been taken back."""
        if self._dropping:
            await asyncio.wait(self._dropping)

    async def refuse(self, reply: Reply, outlet: Outlet, words: str) -> None:
        """Say that there will be no answer, in the message that the answer would have had.

        Whoever takes the reply up after a crash, or because the journal could not note this, finds
        that message, and writes the answer over it.
        """
        try:
            await self._post(reply, outlet, words, final=True)
        except PlatformError as error:
            log.warning("could not excuse myself", reply=reply.id, error=str(error))

    async def close(self) -> None:
        """Post nothing more. What is posted stays for the next start."""
        self._open = False
        tasks = [*self._tasks.values(), *self._dropping]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _keep(self, reply: Reply, outlet: Outlet, ahead: Callable[[], int]) -> None:
        seconds, said = self._patience, ""
        try:
            while True:
                await asyncio.sleep(seconds)
                words = queued(Waiting(ahead()), reply.locale)
                if words not in ("", said) and await self._shown(reply, outlet, words):
                    seconds, said = ANEW, words
        except QuipuError as error:
            log.info("place in the queue not shown", reply=reply.id, error=str(error))

    async def _shown(self, reply: Reply, outlet: Outlet, words: str) -> bool:
        async with outlet.open():
            # Where a text can only grow, nothing may stand in its place.
            if outlet.appends or outlet.pause() > 0:
                return False
            posted = self._replies.get(reply.id, reply).parts
            if posted:
                await outlet.edit(posted[0].message_id, words, final=False)
            else:
                await self._whole(self._post(reply, outlet, words, final=False))
            return True

    async def _whole(self, posting: Coroutine[Any, Any, None]) -> None:
        """A message on its way may be there: whoever comes next must know of it.

        At a stop the next start will look for it.
        """
        task = asyncio.create_task(posting)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if not self._open:
                task.cancel()
            await asyncio.wait([task])
            raise

    async def _post(self, reply: Reply, outlet: Outlet, words: str, *, final: bool) -> None:
        # From here on the message may be there: whoever answers has to look for it.
        waiting = replace(reply, state=ReplyState.QUEUED)
        await self._store.advance(reply.id, ReplyState.QUEUED)
        self._replies[reply.id] = waiting
        key = nonce(reply, 0)
        message_id = await outlet.create(words, nonce=key, final=final)
        part = Part(0, message_id)
        self._replies[reply.id] = replace(waiting, parts=(part,))
        self._unsaved.add(reply.id)
        await self._store.save_part(reply.id, part)
        self._unsaved.discard(reply.id)
