"""The platform messages that one reply occupies: created, edited, replaced and taken back."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable

import structlog

from bot.control.response import Button
from bot.errors import Oversized, PlatformError, Throttled, Unchangeable, Undeliverable
from bot.ports import Outlet
from bot.reply.notices import explained
from bot.text.honest import certain, honest
from bot.text.split import Split, split
from bot.values import Part, Place, Reply, ReplyState

log = structlog.get_logger(__name__)

MARKER = " ▌"
"""What platforms show behind an unfinished answer. It is never part of the text."""

SMALLEST = 200
"""Characters; a platform that does not take so much in one message takes nothing."""

Buttons = tuple[Button, ...]


class Messages:
    """Splits a text into messages and makes them show it. One caller at a time.

    `journal` is told of every message as soon as it exists, `forget` of every one taken back.
    """

    def __init__(
        self,
        outlet: Outlet,
        reply: Reply,
        journal: Callable[[Part], Awaitable[None]],
        forget: Callable[[int], Awaitable[None]] | None = None,
    ) -> None:
        self._outlet = outlet
        self._reply = reply
        self._journal = journal
        self._forget = forget
        self._limit = outlet.limit
        self._ids = {part.index: part.message_id for part in reply.parts}
        self._shown: dict[int, tuple[str, bool, Buttons]] = {}
        self._tried: set[int] = set()
        self._answering = False
        self.seen = asyncio.Event()
        self.shown_at: float | None = None
        self.sent = 0
        self.throttled = 0

    @property
    def any(self) -> bool:
        """Whether there is one."""
        return bool(self._ids)

    @property
    def marked(self) -> bool:
        """Whether one of them may still show that the answer is unfinished."""
        return not all(index in self._shown and self._shown[index][1] for index in self._ids)

    async def show_notice(self, words: str, buttons: Buttons) -> None:
        """Show something in the first message that is no part of the answer."""
        await self._bring_part(0, words, final=False, buttons=buttons)

    async def bring(self, text: str, buttons: Buttons, *, final: bool) -> None:
        """Create and edit messages until they show `text`, in smaller ones if it has to be."""
        self._answering = bool(text)
        while True:
            try:
                return await self._bring_parts(text, buttons, final=final)
            except Oversized as error:
                if self._limit < 2 * SMALLEST:
                    raise Undeliverable(str(error)) from error
                self._limit //= 2
                log.warning("smaller messages", limit=self._limit, reason=str(error))

    async def drop_surplus(self, text: str) -> None:
        """Take back messages of an earlier, longer attempt at this answer."""
        needed = len(self._parts(text))
        for index in [i for i in self._ids if i >= needed]:
            await self._outlet.delete(self._ids[index])
            del self._ids[index]
            if self._forget is not None:
                await self._forget(index)

    async def cut_off(self, text: str, notice: str) -> None:
        """Let the message that stands last say why no more of this text comes."""
        last = max(self._ids, default=None)
        if last is None:
            return
        parts = self._parts(text)
        shown = parts[last].shown if last < len(parts) else ""
        room = self._limit - len(MARKER) - len(explained("", notice)) - 2
        begun = "".join(part.shown for part in self._split(shown, room)[:1])
        words = explained(begun, notice)
        await self._outlet.edit(self._ids[last], words, final=True)
        self._shown[last] = (words, True, ())

    async def _bring_parts(self, text: str, buttons: Buttons, *, final: bool) -> None:
        """All but the last are as they will stay; the last has the buttons."""
        grows = self._outlet.appends and not final
        parts = self._parts(certain(text) if grows else text)
        for index, part in enumerate(parts[:-1]):
            await self._bring_part(index, part.shown, final=True)
        for last in parts[-1:]:
            shown = last.shown
            if not final:
                shown = (last.growing if self._outlet.appends else shown) + self._outlet.marker
            await self._bring_part(len(parts) - 1, shown, final=final, buttons=buttons)
            if text and self.shown_at is None:
                self.shown_at = time.monotonic()
            self.seen.set()

    def _parts(self, text: str) -> list[Split]:
        # Always with room for the marker: with and without it the parts must be the same.
        return self._split(text, self._limit - len(MARKER))

    def _split(self, text: str, room: int) -> list[Split]:
        return split(honest(text), room, hides=self._outlet.hides)

    async def _bring_part(
        self, index: int, text: str, *, final: bool, buttons: Buttons = ()
    ) -> None:
        if self._shown.get(index) == (text, final, buttons):
            return
        try:
            if index in self._ids:
                await self._edit(index, text, final=final, buttons=buttons)
            else:
                await self._create(index, text, final=final, buttons=buttons)
        except Throttled:
            self.throttled += 1
            raise
        self._shown[index] = (text, final, buttons)

    async def _edit(self, index: int, text: str, *, final: bool, buttons: Buttons) -> None:
        try:
            await self._outlet.edit(self._ids[index], text, final=final, buttons=buttons)
            self.sent += 1
        except Unchangeable as error:
            log.warning("posted anew", part=index, reason=str(error))
            await self._replace(index, text, final=final, buttons=buttons)

    async def _replace(self, index: int, text: str, *, final: bool, buttons: Buttons) -> None:
        """Post a message in the stead of one that stands but cannot be changed any more."""
        old = self._ids.pop(index)
        self._tried.add(index)  # an earlier run may have done this, too
        try:
            await self._create(index, text, final=final, buttons=buttons, instead=old)
        except PlatformError:
            self._ids[index] = old
            raise
        try:
            await self._outlet.delete(old)
        except PlatformError as error:
            log.info("left standing", message=old, error=str(error))

    async def _create(
        self, index: int, text: str, *, final: bool, buttons: Buttons, instead: str = ""
    ) -> None:
        # An earlier try, or an earlier run of the program, may have posted this part already with
        # an older text; the platform then gives back that message as it stands.
        again = index in self._tried or self._reply.state is not ReplyState.CLAIMED
        self._tried.add(index)
        key = nonce(self._reply, index, instead)
        message_id = await self._outlet.create(
            text, nonce=key, final=final, again=again, buttons=buttons
        )
        self.sent += 1
        self._ids[index] = message_id
        await self._journal(Part(index, message_id, text if self._answering else ""))
        if again:
            await self._outlet.edit(message_id, text, final=final, buttons=buttons)
            self.sent += 1


def nonce(reply: Reply, index: int, instead: str = "") -> str:
    """The same for the same part of the same reply, also after a restart: 24 hexadecimal digits.

    Another one when the reply is given again: the platform may remember a message that a shorter
    answer has taken back. `instead` is the message that is replaced, if the part had one.
    """
    key = f"{reply.place.id}/{reply.message_id}/{index}/{reply.claimed_at.isoformat()}"
    return _digest(f"{key}/{instead}" if instead else key)


def excuse_nonce(place: Place, message_id: str) -> str:
    """For what is said to a message that has no reply."""
    return _digest(f"{place.id}/{message_id}")


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:24]
