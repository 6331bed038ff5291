"""One reply's way out: create, edit and the typing indicator, within the shared Budget."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import discord
import structlog

from adapters.discord.budget import Budget
from adapters.discord.components import buttons_of, view_of
from adapters.discord.earlier import find_posted
from adapters.discord.failures import NO_HISTORY_FOR_REPLY, translated
from adapters.discord.places import channel_id
from adapters.discord.taken_back import TakenBack
from adapters.discord.threads import Threads
from adapters.discord.trace import Trace
from bot.control.response import Button
from bot.errors import PlatformError, Throttled, Undeliverable
from bot.values import Place, Waiting

log = structlog.get_logger(__name__)

LIMIT = 2000
MARKER = " ▌"
# The indicator lasts ten seconds.
TYPING_EVERY = 8.0
NONCE_CHARACTERS = 25
# Longer than the longest pause discord.py may make before it sends (see `max_ratelimit_timeout`).
REQUEST_TIMEOUT = 60.0
# What has to wait for longer is better waited for by those who know until when it is worth it.
LONGEST_WAIT = 30.0
SILENT = discord.AllowedMentions.none()


class ClosedPlaces:
    """The channels that refused the bot, so that the log says so once for each."""

    def __init__(self) -> None:
        self._told: set[int] = set()

    def note(self, channel: int, error: Undeliverable) -> None:
        """Warn about a refusal the first time this channel makes one."""
        if channel not in self._told:
            self._told.add(channel)
            log.warning("discord.undeliverable", channel=channel, reason=str(error))

    def reopened(self, channel: int) -> None:
        """The channel took a message again."""
        self._told.discard(channel)


class DiscordOutlet:
    """An Outlet for the reply to one message. Nothing it sends can ping anyone."""

    limit = LIMIT
    hides = "||"
    marker = MARKER
    appends = False

    def __init__(
        self,
        client: discord.Client,
        place: Place,
        answering: str,
        *,
        budget: Budget,
        trace: Trace,
        closed: ClosedPlaces,
        threads: Threads,
        taken_back: TakenBack,
    ) -> None:
        self._client = client
        self._channel_id = channel_id(place)
        self._channel = client.get_partial_messageable(self._channel_id)
        self._place = place
        self._answering = answering
        self._budget = budget
        self._trace = trace
        self._closed = closed
        self._threads = threads
        self._taken_back = taken_back
        self._begun = False
        self._known: set[str] = set()
        self._shown: dict[str, tuple[Button, ...]] = {}

    async def create(
        self,
        text: str,
        *,
        nonce: str,
        final: bool = True,
        again: bool = False,
        buttons: Sequence[Button] = (),
    ) -> str:
        """Post a message as a reply to the one being answered.

        Discord itself minds the nonce, but not for long.
        """
        del final
        sent: dict[str, Any] = {"nonce": _short(nonce)}
        if view := view_of(buttons_of(buttons)):
            sent["view"] = view
        message_id = (await self._found() if again else None) or await self._posted(text, sent)
        self._begun = True
        self._known.add(message_id)
        return message_id

    async def note(self, text: str, *, nonce: str) -> None:
        """Say something beside the answer, which is never taken for it."""
        await self._posted(text, {"nonce": _short(nonce), "suppress_embeds": True})

    async def edit(
        self,
        message_id: str,
        text: str,
        *,
        final: bool = True,
        buttons: Sequence[Button] = (),
    ) -> None:
        """Replace the text; returns when Discord has it, without discord.py's sleep after it."""
        del final
        self._known.add(message_id)
        changed = self._changed(message_id, tuple(buttons))
        message = self._channel.get_partial_message(int(message_id))
        with translated(self._place.id):
            await self._admitted()
            self._budget.departed(self._channel_id)
            try:
                async with asyncio.timeout(REQUEST_TIMEOUT):
                    await self._trace.until_landed(
                        message.edit(content=text, allowed_mentions=SILENT, **changed)
                    )
                self._shown[message_id] = tuple(buttons)
            finally:
                self._budget.returned(self._channel_id)

    async def delete(self, message_id: str) -> None:
        """Take back a message; that it is gone already is as good."""
        message = self._channel.get_partial_message(int(message_id))
        with self._taken_back.deleting(int(message_id)), translated(self._place.id):
            await self._admitted()
            self._budget.departed()
            try:
                async with asyncio.timeout(REQUEST_TIMEOUT):
                    await message.delete()
            except discord.NotFound:
                log.debug("discord.gone_already", place=self._place.id, message=message_id)

    def pause(self) -> float:
        """Seconds until an intermediate edit may go; ask again when they are over."""
        return self._budget.pause(self._channel_id) if self._begun else 0.0

    def open(self) -> AbstractAsyncContextManager[None]:
        """Keep a slot of the channel's edits for this reply's final one."""
        return self._open()

    def working(self, waiting: Callable[[], Waiting]) -> AbstractAsyncContextManager[None]:
        """Show "is typing" for as long as this is held; Discord has no words for a queue."""
        del waiting
        return self._working()

    def _changed(self, message_id: str, buttons: tuple[Button, ...]) -> dict[str, Any]:
        """What an edit says of the buttons: nothing while they stay the same."""
        if self._shown.get(message_id) == buttons:
            return {}
        return {"view": view_of(buttons_of(buttons))}

    async def _found(self) -> str | None:
        with translated(self._place.id):
            await self._admitted()
            self._budget.departed()
            async with asyncio.timeout(REQUEST_TIMEOUT):
                return await find_posted(self._client, self._place, self._answering, self._known)

    async def _posted(self, text: str, sent: dict[str, Any]) -> str:
        try:
            with translated(self._place.id):
                await self._admitted()
                await self._threads.ensure(self._place, self._answering)
                self._budget.departed()
                message = await self._send(text, sent)
        except Undeliverable as error:
            self._closed.note(self._channel_id, error)
            raise
        self._closed.reopened(self._channel_id)
        return str(message.id)

    async def _send(self, text: str, sent: dict[str, Any]) -> discord.Message:
        plain: dict[str, Any] = {**sent, "allowed_mentions": SILENT}
        async with asyncio.timeout(REQUEST_TIMEOUT):
            try:
                return await self._channel.send(text, **plain, **self._reference())
            except discord.HTTPException as error:
                if error.code != NO_HISTORY_FOR_REPLY:
                    raise
                log.info("discord.plain_answer", place=self._place.id, reason=str(error))
                return await self._channel.send(text, **plain)

    def _reference(self) -> dict[str, Any]:
        if self._place.thread == self._answering:
            # The question that a thread hangs on is not in it, but above it.
            return {}
        reference = discord.MessageReference(
            message_id=int(self._answering), channel_id=self._channel_id, fail_if_not_exists=False
        )
        return {"reference": reference}

    async def _admitted(self) -> None:
        while (wait := self._budget.admission()) > 0:
            if wait > LONGEST_WAIT:
                raise Throttled(f"{self._place.id}: a global limit", retry_after=wait)
            await asyncio.sleep(wait)

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[None]:
        self._budget.opened(self._channel_id)
        try:
            yield
        finally:
            self._budget.closed(self._channel_id)

    @asynccontextmanager
    async def _working(self) -> AsyncIterator[None]:
        typing = asyncio.create_task(self._type(), name="discord typing")
        try:
            yield
        finally:
            typing.cancel()
            await asyncio.wait({typing})

    async def _type(self) -> None:
        while True:
            try:
                await self._admitted()
                with translated(self._place.id):
                    await self._threads.ensure(self._place, self._answering)
                    self._budget.departed()
                    await self._channel.typing()
            except PlatformError as error:
                log.debug("discord.typing_failed", place=self._place.id, error=str(error))
            await asyncio.sleep(TYPING_EVERY)


def _short(nonce: str) -> str:
    if len(nonce) <= NONCE_CHARACTERS:
        return nonce
    return hashlib.blake2b(nonce.encode(), digest_size=12).hexdigest()
