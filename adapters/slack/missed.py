"""Finds what people wrote to the bot while it had no connection, as far as Slack's limits let it.

No more than half of a minute's calls are used, since people's messages need some, too. A channel in
which somebody writes now is looked through before that is heard, for the order's sake.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import structlog

from adapters.slack.budget import MEMBERSHIPS
from adapters.slack.history import History, time_of
from adapters.slack.places import PLATFORM, Event, channel_place, ids_of, message_id
from bot.errors import PlatformError, QuipuError, Throttled, Undeliverable
from bot.values import Inbound, Place

if TYPE_CHECKING:
    from datetime import datetime

    from adapters.slack.surroundings import Surroundings
    from adapters.slack.workspaces import Workspace
    from bot.ports import Absences, CatchUp, Inbox

log = structlog.get_logger(__name__)

EVENTS_LATE = timedelta(minutes=6)
"""Slack sends an event again for so long that was not acknowledged."""
MOST_CHANNELS = 200
LISTED = "public_channel,private_channel"
TRIES = 3
AGAIN_AFTER = 2.0
LONGEST = 600.0
"""Seconds after which the search is given up: with one call a minute it would never end."""
PATIENCE = 1.2
"""Seconds that an event waits for the order's sake; it has to be acknowledged within three."""

Turns = Callable[["Workspace", str], AbstractAsyncContextManager[Any]]
Hear = Callable[[Event, "Workspace", str], Awaitable[Inbound | None]]


class Missed:
    """Looks once after each time without a connection; `turn` keeps the order in a channel."""

    def __init__(
        self, inbox: Inbox, around: Surroundings, absences: Absences, hear: Hear, turn: Turns
    ) -> None:
        self._inbox = inbox
        self._around = around
        self._absences = absences
        self._hear = hear
        self._turn = turn
        self._beginning: asyncio.Task[CatchUp | None] | None = None
        self._search: asyncio.Task[None] | None = None
        self._looked = set[tuple[str, str]]()
        self._told = set[str]()
        self._newest: datetime | None = None

    def lost(self) -> None:
        """No connection is left."""
        self._absences.lost(PLATFORM)

    def connected(self) -> None:
        """There is a connection where there was none: begin to look."""
        self._cancel()
        self._looked, self._told, self._newest = set(), set(), None
        self._beginning = asyncio.create_task(self._begin(), name="slack catch-up begins")
        self._search = asyncio.create_task(
            self._look_through(self._beginning), name="slack catch-up"
        )

    @contextmanager
    def hearing(self, event: Event) -> Iterator[None]:
        """Held while a message that has just come is dealt with."""
        with self._absences.hearing(PLATFORM, time_of(event)):
            yield

    async def before(self, event: Event, workspace: Workspace, channel: str) -> None:
        """Look through the channel of a message that has just come, unless that was done."""
        if self._beginning is None:
            return
        self._told.add(message_id(channel, event))
        key = (workspace.key, channel)
        if key in self._looked or (catch_up := await self._beginning) is None:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await self._look(catch_up, workspace, channel, patient=False)
            self._looked.add(key)
        except (QuipuError, TimeoutError) as error:
            log.info("slack.order_not_kept", channel=channel, reason=repr(error))

    async def close(self) -> None:
        """Look no further; the next start begins again where this search did."""
        await asyncio.gather(*self._cancel(), return_exceptions=True)

    def _cancel(self) -> list[asyncio.Task[Any]]:
        tasks = [task for task in (self._beginning, self._search) if task is not None]
        for task in tasks:
            task.cancel()
        self._beginning = self._search = None
        return tasks

    async def _begin(self) -> CatchUp | None:
        try:
            return await self._absences.begin(PLATFORM, EVENTS_LATE)
        except QuipuError as error:
            log.warning("slack.cannot_catch_up", reason=str(error))
            return None

    async def _look_through(self, beginning: asyncio.Task[CatchUp | None]) -> None:
        catch_up = await beginning
        try:
            while catch_up and await self._look_at_all(catch_up):
                catch_up = await catch_up.end(self._newest)
        except QuipuError as error:
            log.warning("slack.catch_up_ended", reason=str(error))
        self._beginning = None

    async def _look_at_all(self, catch_up: CatchUp) -> bool:
        """Whether every channel could be looked at, or never can."""
        whole, deadline = True, time.monotonic() + LONGEST
        for workspace, channel, threads in await self._channels():
            place = channel_place(workspace.key, channel)
            if catch_up.looked_through(place):
                continue
            await catch_up.room()
            async with self._turn(workspace, channel):
                # Also if somebody has written there: that did not wait for all of its threads.
                done = await self._try(catch_up, workspace, channel, threads, deadline)
                self._looked.add((workspace.key, channel))
            whole &= done
            if done:
                await catch_up.note(place)
            if time.monotonic() >= deadline:
                log.warning("slack.catch_up_given_up", channels=len(self._looked))
                return False
        return whole

    async def _channels(self) -> list[tuple[Workspace, str, list[str]]]:
        """Channels with the threads known of them: those used of late, then all the bot is in."""
        threads: dict[tuple[str, str], list[str]] = defaultdict(list)
        for place in await self._absences.familiar(PLATFORM):
            known = threads[place.workspace, place.channel]
            if place.thread:
                known.append(place.thread)
                self._around.threads.joined(place.workspace, place.channel, place.thread)
        found = [
            (workspace, channel, roots)
            for (key, channel), roots in threads.items()
            if (workspace := await self._around.workspaces.find(*ids_of(key)))
        ]
        workspaces = {workspace.key: workspace for workspace, _, _ in found}
        if own := await self._around.workspaces.find(None, None):
            workspaces.setdefault(own.key, own)
        for workspace in workspaces.values():
            more = await self._memberships(workspace)
            found += [
                (workspace, each, []) for each in more if (workspace.key, each) not in threads
            ]
        return found[:MOST_CHANNELS]

    async def _memberships(self, workspace: Workspace) -> list[str]:
        arguments = {"types": LISTED, "exclude_archived": True, "limit": MOST_CHANNELS}
        try:
            answer = await self._around.api.call(workspace, MEMBERSHIPS, arguments)
        except PlatformError as error:
            log.info("slack.memberships_not_told", workspace=workspace.key, reason=str(error))
            return []
        return [str(channel["id"]) for channel in answer.get("channels") or ()]

    async def _try(
        self,
        catch_up: CatchUp,
        workspace: Workspace,
        channel: str,
        threads: list[str],
        deadline: float,
    ) -> bool:
        """Look at a channel, several times if need be; False if it can be tried once more."""
        tries = 0
        while tries < TRIES:
            try:
                await self._look(catch_up, workspace, channel, threads)
            except Undeliverable as error:
                log.info("slack.nothing_to_catch_up", channel=channel, reason=str(error))
                return True
            except Throttled as error:
                if time.monotonic() + error.retry_after >= deadline:
                    return False
                await asyncio.sleep(error.retry_after)
            except PlatformError as error:
                log.info("slack.history_not_told", channel=channel, reason=str(error))
                tries += 1
                await asyncio.sleep(AGAIN_AFTER)
            else:
                return True
        log.warning("slack.not_caught_up", channel=channel)
        return False

    async def _look(
        self,
        catch_up: CatchUp,
        workspace: Workspace,
        channel: str,
        threads: list[str] | None = None,
        *,
        patient: bool = True,
    ) -> None:
        history = History(self._around, workspace, channel, catch_up.since, patient=patient)
        place = channel_place(workspace.key, channel)

        def passed(root: str) -> bool:
            return patient and catch_up.looked_through(replace(place, thread=root))

        async for root, said in history.read(threads or [], passed):
            await self._take(catch_up, workspace, history, place, said)
            if root:
                await catch_up.note(replace(place, thread=root))

    async def _take(
        self,
        catch_up: CatchUp,
        workspace: Workspace,
        history: History,
        place: Place,
        said: Sequence[Event],
    ) -> None:
        """Hand on what was missed of this, and what was changed."""
        channel = place.channel
        missed = {message_id(channel, event): event for event in history.missed(said)}
        fresh = await catch_up.unclaimed(place, set(missed))
        events = sorted((missed[each] for each in fresh), key=time_of)
        heard = [await self._hear(event, workspace, channel) for event in events]
        taken = [inbound for inbound in heard if inbound is not None]
        await catch_up.take(taken, told=self._told)
        for moment in map(time_of, said):
            self._newest = max(self._newest or moment, moment)
        if said:
            kept = await catch_up.said_since(place, min(map(time_of, said)))
            for where, known, words in await history.changes(said, kept):
                if words is None:
                    await self._inbox.withdraw(where, known)
                elif known not in fresh:
                    await self._inbox.amend(where, known, words)
