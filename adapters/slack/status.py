"""What Slack shows while an answer is on its way: the thread's status, and the agent's session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import structlog

from adapters.slack.budget import SESSION, STATUS
from adapters.slack.failures import Refusal
from adapters.slack.manifest import COMMAND
from adapters.slack.places import Address
from adapters.slack.workspaces import Workspace, find_by_key
from bot.control.words import say
from bot.errors import PlatformError
from bot.values import Place, Waiting

if TYPE_CHECKING:
    from adapters.slack.asked import Asker
    from adapters.slack.outbound import Desk

log = structlog.get_logger(__name__)

LOOK_EVERY = 1.0
AGAIN_AFTER = 90.0
"""Slack takes a status away after two minutes."""
PATIENCE = 5.0
TITLE_CHARACTERS = 60
SURFACE = "agent sessions"


class Status:
    """Kept up to date while it is shown; that it fails holds nobody up."""

    def __init__(
        self, desk: Desk, place: Place, answering: str, thread: str, asker: Asker | None
    ) -> None:
        self._desk = desk
        self._place = place
        self._thread = thread
        self._begins_thread = Address.parse(answering).ts == thread
        self._asker = asker
        self._set = False

    @asynccontextmanager
    async def shown(self, waiting: Callable[[], Waiting]) -> AsyncIterator[None]:
        """Show the status for as long as this is held. Threads alone have one."""
        if not self._thread:
            yield
            return
        keeping = asyncio.create_task(self._keep(waiting), name="slack status")
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.wait({keeping})
            if self._set:
                await self._tell(STATUS, thread_ts=self._thread, status="")

    async def _keep(self, waiting: Callable[[], Waiting]) -> None:
        if self._place.private and self._begins_thread:
            await self._name_thread()
        shown, age = "", 0.0
        while True:
            words = status_words(waiting(), self._asker.locale if self._asker else "")
            if words != shown or age >= AGAIN_AFTER:
                self._set = True
                if await self._tell(STATUS, thread_ts=self._thread, status=words):
                    shown, age = words, 0.0
            await asyncio.sleep(LOOK_EVERY)
            age += LOOK_EVERY

    async def _name_thread(self) -> None:
        """In the Messages tab a thread is a session, listed by its title."""
        if self._asker is None or self._desk.told.said(SURFACE, self._place.workspace):
            return
        title = title_of(self._asker.words)
        await self._tell(SESSION, thread_ts=self._thread, status="active", title=title)

    async def _tell(self, method: str, **arguments: str) -> bool:
        """Whether there is nothing more to try."""
        try:
            async with asyncio.timeout(PATIENCE):
                workspace = await find_by_key(self._desk.workspaces, self._place.workspace)
                await self._call(workspace, method, arguments)
        except Refusal as error:
            if method == SESSION:
                self._desk.told.first(SURFACE, self._place.workspace)
            log.debug("slack.status_refused", place=self._place.id, reason=str(error))
            return True
        except (PlatformError, TimeoutError) as error:
            log.debug("slack.status_not_set", place=self._place.id, reason=str(error))
            return False
        return True

    async def _call(self, workspace: Workspace, method: str, arguments: dict[str, Any]) -> None:
        channel = self._place.channel
        await self._desk.api.call(
            workspace,
            method,
            {"channel_id": channel, **arguments},
            window=channel if method == STATUS else "",
            patient=False,
        )


def status_words(waiting: Waiting, locale: str = "") -> str:
    """What stands behind the bot's name for a place in the queue; 0 is being answered."""
    if waiting.halted:
        return say("slack.status.halted", locale)
    if waiting.waking:
        return say("slack.status.waking", locale, title=waiting.waking)
    if not waiting.place:
        return say("slack.status.thinking", locale, command=COMMAND)
    if waiting.seconds is None:
        return say("slack.status.queued", locale, place=waiting.place)
    seconds = f"{waiting.seconds:.0f}"
    return say("slack.status.queued_seconds", locale, place=waiting.place, seconds=seconds)


def title_of(words: str) -> str:
    """A short title from what was asked."""
    line = " ".join(words.split())
    return line if len(line) <= TITLE_CHARACTERS else line[: TITLE_CHARACTERS - 1].rstrip() + "…"
