"""Finds what people wrote to the bot while it had no connection, as far as Slack's limits let it.

No more than half of a minute's calls are used, since people's messages need some, too. A channel in
which somebody writes now is looked through before that is heard, for the order's sake. What came
and could not be dealt with is looked for as well, if Slack does not send it again.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from adapters.slack.budget import MEMBERSHIPS
from adapters.slack.history import History, time_of
from adapters.slack.places import (
    PLATFORM,
    Event,
    channel_place,
    ids_of,
    is_private,
    message_id,
    thread_of,
)
from bot.errors import Closed, OutOfOrder, PlatformError, QuipuError, Undeliverable
from bot.values import Inbound, Place

if TYPE_CHECKING:
    from adapters.slack.surroundings import Surroundings
    from adapters.slack.workspaces import Workspace
    from bot.ports import Absences, CatchUp, Inbox

log = structlog.get_logger(__name__)

EVENTS_LATE = timedelta(minutes=6)
"""Slack sends an event again for so long that was not acknowledged."""
MOST_CHANNELS = 200
OURS = (None, None)
LISTED = "public_channel,private_channel"
LONGEST, REST = 600.0, 300.0
"""Seconds after which the search leaves Slack's calls to people's messages, and for how long."""
SENT_AGAIN = EVENTS_LATE.total_seconds()
"""Seconds for which what was not acknowledged is left to Slack."""
PATIENCE = 1.2
"""Seconds that an event waits for the order's sake; it has to be acknowledged within three."""

Turns = Callable[["Workspace", str], AbstractAsyncContextManager[Any]]
Hear = Callable[[Event, "Workspace", str], Awaitable[Inbound | None]]


class Missed:
    """Looks after each time without a connection; `turn` keeps the order in a channel."""

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
        self._owed: dict[tuple[str, str, str], tuple[Workspace, str]] = {}
        self._told = set[str]()

    def lost(self) -> None:
        """No connection is left."""
        self._absences.lost(PLATFORM)

    def connected(self) -> None:
        """There is a connection where there was none: begin to look."""
        self._cancel()
        beginning = self._begun()
        self._search = asyncio.create_task(self._keep_looking(beginning), name="slack catch-up")

    @contextmanager
    def hearing(self, event: Event, workspace: Workspace, channel: str) -> Iterator[None]:
        """Held while a message that has just come is dealt with, perhaps not for the first time."""
        message = (workspace.key, channel, str(event["ts"]))
        try:
            with self._absences.hearing(PLATFORM, time_of(event)):
                yield
        except BaseException:
            self._owed[message] = (workspace, thread_of(event))
            raise
        self._owed.pop(message, None)

    async def before(self, event: Event, workspace: Workspace, channel: str) -> None:
        """Look through the channel of a message that has just come, unless that was done."""
        if self._beginning is None:
            return
        self._told.add(message_id(channel, event))
        key, beginning, looked = (workspace.key, channel), self._beginning, self._looked
        if key in looked:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.wait([beginning])
                if beginning.cancelled():  # there is another connection, which looks anew
                    return
                if catch_up := beginning.result():
                    await self._look(catch_up, workspace, channel, patient=False)
            looked.add(key)
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

    def _begun(self) -> asyncio.Task[CatchUp | None]:
        self._looked, self._told = set(), set()
        beginning = asyncio.create_task(self._begin(), name="slack catch-up begins")
        self._beginning = beginning
        return beginning

    async def _begin(self) -> CatchUp | None:
        return await self._absences.begin(PLATFORM, EVENTS_LATE)

    async def _keep_looking(self, beginning: asyncio.Task[CatchUp | None]) -> None:
        """For as long as there is a connection."""
        with suppress(Closed):
            catch_up = await beginning
            if catch_up is not None:
                await catch_up.complete(self._look_at_all)
            self._beginning = None
            while True:
                await self._absences.undone(PLATFORM)
                await asyncio.sleep(SENT_AGAIN)
                await self._absences.undone(PLATFORM)
                catch_up = await self._absences.again(PLATFORM, EVENTS_LATE)
                if catch_up is None:
                    self._owed.clear()
                else:
                    await catch_up.complete(self._look_at_owed)

    async def _look_at_all(self, catch_up: CatchUp) -> float | None:
        """None if every channel could be looked at, or never can."""
        deadline = time.monotonic() + LONGEST
        channels, all_of_them = await self._channels()
        waits = [] if all_of_them else [0.0]
        for workspace, channel, threads in channels:
            place = channel_place(workspace.key, channel)
            if catch_up.looked_through(place):
                continue
            await catch_up.room()
            async with self._turn(workspace, channel):
                # Also if somebody has written there: that did not wait for all of its threads.
                look = partial(self._look, catch_up, workspace, channel, threads)
                wait = await catch_up.tried(place.id, look)
                self._looked.add((workspace.key, channel))
                if wait is None:
                    self._paid(workspace, channel)
            if wait is None:
                await catch_up.note(place)
            else:
                waits.append(wait)
            if time.monotonic() >= deadline:
                log.info("slack.catch_up_rests", channels=len(self._looked), seconds=REST)
                return REST
        return max(waits, default=None)

    async def _look_at_owed(self, catch_up: CatchUp) -> float | None:
        """Only at the messages that came and were not dealt with."""
        waits = []
        places = {(key, channel): one for (key, channel, _), (one, _) in self._owed.items()}
        for (key, channel), workspace in places.items():
            await catch_up.room()
            async with self._turn(workspace, channel):
                here = {of[2]: one[1] for of, one in self._owed.items() if of[:2] == (key, channel)}
                threads = [*dict.fromkeys(root for root in here.values() if root)]
                look = partial(self._look, catch_up, workspace, channel, threads, only=here.keys())
                wait = await catch_up.tried(f"{key}/{channel}", look)
                if wait is None:
                    self._paid(workspace, channel)
                else:
                    waits.append(wait)
        return max(waits, default=None)

    def _paid(self, workspace: Workspace, channel: str) -> None:
        here = (workspace.key, channel)
        self._owed = {key: one for key, one in self._owed.items() if key[:2] != here}

    async def _channels(self) -> tuple[list[tuple[Workspace, str, list[str]]], bool]:
        """Channels with the threads known of them: where something was not dealt with, those used
        of late, then those the bot is in; and whether Slack told of these.
        """
        threads: dict[tuple[str, str], list[str]] = defaultdict(list)
        for (key, channel, _), (_, root) in self._owed.items():
            threads[key, channel] += [root] if root else []
        talked = [
            *await self._absences.direct(PLATFORM),
            *await self._absences.familiar(PLATFORM),
        ]
        for place in talked:
            known = threads[place.workspace, place.channel]
            if place.thread:
                known.append(place.thread)
                self._around.threads.joined(place.workspace, place.channel, place.thread)
        workspaces, all_of_them = await self._workspaces(dict.fromkeys(key for key, _ in threads))
        found = [
            (workspaces[key], channel, roots)
            for (key, channel), roots in threads.items()
            if key in workspaces
        ]
        room = MOST_CHANNELS - sum(not is_private(one) for _, one, _ in found)
        for workspace in {each.key: each for each in workspaces.values()}.values():
            more = await self._memberships(workspace)
            all_of_them &= more is not None
            new = [each for each in more or () if (workspace.key, each) not in threads]
            found += [(workspace, each, []) for each in new[: max(room, 0)]]
            room -= len(new)
        return found, all_of_them

    async def _workspaces(self, keys: Iterable[str]) -> tuple[dict[str, Workspace], bool]:
        """Of these, and our own, those that are known; whether another try can find more."""
        known: dict[str, Workspace] = {}
        all_of_them = True
        for key in (*keys, ""):
            try:
                workspace = await self._around.workspaces.find(*(ids_of(key) if key else OURS))
            except Undeliverable as error:
                log.info("slack.workspace_closed", workspace=key, reason=str(error))
            except (Closed, OutOfOrder):
                raise
            except QuipuError as error:
                log.info("slack.workspace_not_told", workspace=key, reason=str(error))
                all_of_them = False
            else:
                if workspace is not None:
                    known.setdefault(key or workspace.key, workspace)
        return known, all_of_them

    async def _memberships(self, workspace: Workspace) -> list[str] | None:
        """None if another try can help."""
        arguments = {"types": LISTED, "exclude_archived": True, "limit": MOST_CHANNELS}
        try:
            answer = await self._around.api.call(workspace, MEMBERSHIPS, arguments)
        except PlatformError as error:
            log.info("slack.memberships_not_told", workspace=workspace.key, reason=str(error))
            return [] if isinstance(error, Undeliverable) else None
        return [str(channel["id"]) for channel in answer.get("channels") or ()]

    async def _look(
        self,
        catch_up: CatchUp,
        workspace: Workspace,
        channel: str,
        threads: list[str] | None = None,
        *,
        patient: bool = True,
        only: Collection[str] | None = None,
    ) -> None:
        """At `only` these messages, if any are named."""
        history = History(self._around, workspace, channel, catch_up.since, patient=patient)
        place = channel_place(workspace.key, channel)

        def passed(root: str) -> bool:
            if only is not None:
                return root not in (threads or ())
            return patient and catch_up.looked_through(replace(place, thread=root))

        async for root, said in history.read(threads or [], passed):
            await self._take(catch_up, workspace, history, place, said, only)
            if root and only is None:
                await catch_up.note(replace(place, thread=root))

    async def _take(
        self,
        catch_up: CatchUp,
        workspace: Workspace,
        history: History,
        place: Place,
        said: Sequence[Event],
        only: Collection[str] | None,
    ) -> None:
        """Hand on what was missed of this, and what was changed."""
        channel = place.channel
        events = [e for e in history.missed(said) if only is None or e["ts"] in only]
        missed = {message_id(channel, event): event for event in events}
        fresh = await catch_up.unclaimed(place, set(missed))
        events = sorted((missed[each] for each in fresh), key=time_of)
        heard = [await self._hear(event, workspace, channel) for event in events]
        taken = [inbound for inbound in heard if inbound is not None]
        await catch_up.take(taken, told=self._told)
        for moment in map(time_of, said):
            catch_up.seen(moment)
        if said and only is None:
            kept = await catch_up.said_since(place, min(map(time_of, said)))
            for where, known, words in await history.changes(said, kept):
                if words is None:
                    await self._inbox.withdraw(where, known)
                elif known not in fresh:
                    await self._inbox.amend(where, known, words)
