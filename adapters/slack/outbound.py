"""One reply's way out: a native stream, edits, or one message, as the budget allows."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import structlog

from adapters.slack.api import Answer, Api
from adapters.slack.asked import Asked
from adapters.slack.blocks import Json, fallback, markdown, rows_of
from adapters.slack.budget import DELETE, POST, STOP, UPDATE, Clock
from adapters.slack.failures import (
    BAD_BLOCKS,
    ENDED_STREAM,
    GONE,
    NO_STREAMS,
    STREAMING,
    Refusal,
    Told,
    Trouble,
    fitted,
)
from adapters.slack.pings import harmless
from adapters.slack.places import root_for
from adapters.slack.plan import Mode, Plan
from adapters.slack.recent import TakenBack, taken_back
from adapters.slack.status import Status
from adapters.slack.stream import Room, Stream, posted_as
from adapters.slack.traces import find_posted
from adapters.slack.workspaces import Workspaces, find_by_key
from bot.control.response import Button
from bot.errors import PlatformError, Throttled
from bot.values import Place, Waiting

log = structlog.get_logger(__name__)

LIMIT = 11_500
"""Slack takes 12,000 characters of Markdown."""
FULL = LIMIT // 2
"""A part that ended this full may be followed by another, which needs slots of its own."""
MARKER = " ▌"
STREAMS = "native streams"
JOURNALLED = "journalled"
"""Stands for the nonce of a message that an earlier run has noted, and that nobody looks for."""

Buttons = Sequence[Button]


@dataclass(frozen=True, slots=True)
class Desk:
    """What all outlets work with."""

    api: Api
    workspaces: Workspaces
    asked: Asked
    told: Told
    native: bool = True
    clock: Clock = time.monotonic
    taken_back: TakenBack = field(default_factory=taken_back)


class SlackOutlet:
    """An Outlet for the reply to one message. Nothing it sends can ping anyone."""

    limit = LIMIT
    hides = ""

    def __init__(
        self, desk: Desk, place: Place, answering: str, beside: Collection[str] = ()
    ) -> None:
        self._desk = desk
        self._beside = frozenset(beside)
        self._place = place
        self._answering = answering
        self._asker = desk.asked.asker(place.workspace, answering)
        self._thread = root_for(place, answering)
        self._plan = Plan(desk.api.budget, place.workspace, desk.clock)
        self._stream: Stream | None = None
        self._nonces: dict[str, str] = {}
        """The messages of this reply that are known by now."""

    @property
    def marker(self) -> str:
        """Slack marks a stream by itself."""
        return "" if self._plan.mode is Mode.STREAM else MARKER

    @property
    def appends(self) -> bool:
        """A stream grows at its end only."""
        return self._plan.mode is Mode.STREAM

    async def create(
        self,
        text: str,
        *,
        nonce: str,
        final: bool = True,
        again: bool = False,
        buttons: Buttons = (),
    ) -> str:
        """Post a message, as a stream if it is to grow; its timestamp is its id.

        Slack knows no nonce: ours goes into the metadata, where it is looked for.
        """
        room = await self._room()
        if again and (found := await self._found(room, nonce)):
            return found
        if (
            not final
            and self._plan.mode is Mode.STREAM
            and (ts := await self._started(room, text, nonce))
        ):
            return ts
        with fitted():
            return await self._posted(room, text, nonce, buttons)

    async def edit(
        self,
        message_id: str,
        text: str,
        *,
        final: bool = True,
        buttons: Buttons = (),
    ) -> None:
        """Show this text: by appending what is new where that can be, else by an update."""
        self._nonces.setdefault(message_id, JOURNALLED)
        room = await self._room()
        self._plan.showed()
        stream = self._stream
        if stream is None and self._plan.mode is Mode.STREAM:
            self._go_on_by_edits()  # a message of an earlier try or run
        with fitted():
            if stream is None or stream.ts != message_id:
                await self._update(room, message_id, text, buttons, final=final)
            elif final or stream.old or not stream.continues(text):
                await self._end(room, stream, text, buttons, final=final)
            else:
                await self._grow(stream, text)
        if final and len(text) >= FULL:
            self._plan.choose(native=self._native)

    async def delete(self, message_id: str) -> None:
        """Take back a message; that it is gone already is as good."""
        room = await self._room()
        this = (room.workspace.key, room.channel, message_id)
        self._desk.taken_back.put(this, True)  # the event may come before the answer
        try:
            arguments = {"channel": room.channel, "ts": message_id}
            await self._desk.api.call(room.workspace, DELETE, arguments)
        except PlatformError as error:
            self._desk.taken_back.drop(this)
            if not isinstance(error, Refusal) or error.code not in GONE:
                raise
            log.debug("slack.gone_already", place=self._place.id, message=message_id)

    def pause(self) -> float:
        """Seconds until more may be shown; ask again when they are over."""
        return self._plan.pause()

    def working(self, waiting: Callable[[], Waiting]) -> AbstractAsyncContextManager[None]:
        """Slack's own words below the thread, "is thinking…" or the place in the queue."""
        return Status(self._desk, self._place, self._answering, self._thread, self._asker).shown(
            waiting
        )

    def open(self) -> AbstractAsyncContextManager[None]:
        """Choose how this reply is shown, and keep what ending it will need."""
        return self._open()

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[None]:
        self._plan.choose(native=self._native)
        log.debug("slack.mode", place=self._place.id, mode=self._plan.mode.value)
        try:
            yield
        finally:
            self._plan.release()

    @property
    def _native(self) -> bool:
        """Slack streams into threads only, and in channels for somebody it knows by id."""
        known = self._place.private or self._asker is not None
        said, workspace = self._desk.told.said, self._place.workspace
        refused = said(STREAMS, workspace, "") or said(STREAMS, workspace, self._place.channel)
        return self._desk.native and bool(self._thread) and known and not refused

    async def _found(self, room: Room, nonce: str) -> str | None:
        """The message that an earlier try or run may have posted."""
        others = {ts for ts, known in self._nonces.items() if known != nonce} | self._beside
        ts = await find_posted(self._desk.api, room, self._answering, nonce, others)
        if ts is not None:
            self._nonces[ts] = nonce
        return ts

    def _go_on_by_edits(self) -> None:
        """The stream is over, but not the answer."""
        self._stream = None
        self._plan.edits()

    async def _room(self) -> Room:
        workspace = await find_by_key(self._desk.workspaces, self._place.workspace)
        return Room(workspace, self._place.channel, self._thread)

    async def _started(self, room: Room, text: str, nonce: str) -> str | None:
        """Begin a stream; None where Slack does not have them, and edits have to do."""
        stream = Stream(self._desk.api, room, self._asker, self._desk.clock, nonce=nonce)
        try:
            ts = await stream.start(text)
        except Refusal as error:
            # What is the matter with the whole workspace need not be tried in every channel.
            channel = "" if error.code in NO_STREAMS else room.channel
            if self._desk.told.first(STREAMS, self._place.workspace, channel):
                log.warning("slack.no_native_streams", channel=channel, reason=str(error))
            self._go_on_by_edits()
            return None
        self._stream = stream
        self._nonces[ts] = nonce
        self._plan.streaming()
        return ts

    async def _posted(self, room: Room, text: str, nonce: str, buttons: Buttons) -> str:
        arguments = {
            "channel": room.channel,
            "metadata": posted_as(nonce),
            "unfurl_links": False,
            "unfurl_media": False,
        }
        if room.thread:
            arguments["thread_ts"] = room.thread
        post = partial(self._desk.api.call, room.workspace, POST, window=room.channel)
        try:
            if buttons:
                answer = await self._with_blocks(post, arguments, text, buttons)
            else:
                answer = await post(arguments | {"markdown_text": harmless(text)})
        except Refusal as error:
            if self._desk.told.first("refused", room.workspace.key, room.channel, error.code):
                log.warning("slack.undeliverable", channel=room.channel, reason=str(error))
            raise
        self._plan.showed()
        self._nonces[str(answer["ts"])] = nonce
        return str(answer["ts"])

    async def _grow(self, stream: Stream, text: str) -> None:
        try:
            await stream.append(text)
        except Throttled:
            raise
        except Refusal as error:
            # Ended by Slack or a person, most likely; if it is worse, the next update will say.
            log.info("slack.stream_ended", place=self._place.id, reason=error.code)
            self._go_on_by_edits()
        except PlatformError:
            # It may have been appended: never again, the whole text will say.
            self._go_on_by_edits()
            raise

    async def _end(
        self, room: Room, stream: Stream, text: str, buttons: Buttons, *, final: bool
    ) -> None:
        """Stop the stream with this text; what cannot be appended any more is updated."""
        lacking = False
        try:
            await stream.stop(text, self._rows(buttons))
        except (Throttled, Trouble):
            raise
        except Refusal as error:
            log.info("slack.stream_ended", place=self._place.id, reason=error.code)
            lacking = bool(buttons)
        except PlatformError:
            self._go_on_by_edits()
            raise
        self._go_on_by_edits()
        if lacking or not stream.shows(text):
            await self._update(room, stream.ts, text, buttons, final=final)

    async def _update(
        self, room: Room, ts: str, text: str, buttons: Buttons, *, final: bool
    ) -> None:
        """Always with blocks, for else those of an earlier text could stay.

        And with metadata, which what was begun as a stream may lack: nobody shall take it for one
        that was left behind.
        """
        held = final and self._plan.keeps(UPDATE)
        call = partial(self._desk.api.call, room.workspace, UPDATE, held=held, patient=final)
        metadata = posted_as(self._nonces.get(ts, JOURNALLED))
        arguments = {"channel": room.channel, "ts": ts, "metadata": metadata}
        try:
            await self._with_blocks(call, arguments, text, buttons)
        except Trouble as error:
            if error.code != STREAMING:
                raise
            await self._stop_left_open(room, ts)
            await self._with_blocks(call, arguments, text, buttons)

    async def _with_blocks(
        self, call: Callable[..., Awaitable[Answer]], arguments: Json, text: str, buttons: Buttons
    ) -> Answer:
        """Send text and buttons; should Slack not take these blocks, then the text alone."""
        blocks = [markdown(text), *self._rows(buttons)]
        try:
            return await call(arguments | {"text": fallback(text), "blocks": blocks})
        except Refusal as error:
            if error.code not in BAD_BLOCKS:
                raise
            log.warning("slack.blocks_refused", place=self._place.id, reason=str(error))
            return await call(arguments | {"markdown_text": harmless(text)})

    def _rows(self, buttons: Buttons) -> list[Json]:
        # A direct message is an agent's thread, where Slack has thumbs of its own.
        return rows_of(buttons, self._place.thread, agent=self._place.private)

    async def _stop_left_open(self, room: Room, ts: str) -> None:
        """End a stream that an unanswered call, or an earlier run of the program, left open."""
        try:
            arguments = {"channel": room.channel, "ts": ts}
            await self._desk.api.call(room.workspace, STOP, arguments)
        except Refusal as error:
            if error.code not in ENDED_STREAM:
                raise
