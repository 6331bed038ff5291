"""Finds what people wrote to the bot while it had no session, channel by channel.

A new session tells the newest message of every channel and active thread, so that those without
news cost no request. Direct messages are not told of: those the bot knows are looked into. A
channel in which somebody writes now is looked through before that is heard, for the order's sake.
What came in a session and could not be dealt with is looked for as well, once that can be done.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import discord
import structlog
from discord.utils import snowflake_time

from adapters.discord.failures import translated
from adapters.discord.history import History, readable
from adapters.discord.inbound import addressed, spoken, visible
from adapters.discord.owed import Owed
from adapters.discord.places import PLATFORM, PRIVATE, known_channel, place_of
from adapters.discord.threads import places_of
from bot.errors import Closed, OutOfOrder, QuipuError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from adapters.discord.budget import Budget
    from adapters.discord.hearing import Hearing
    from bot.ports import Absences, CatchUp, Inbox
    from bot.values import Inbound, Place

log = structlog.get_logger(__name__)

EVENTS_LATE = timedelta(seconds=5)
"""By how much events of different channels overtake one another."""
GUILDS_WITHIN = 10.0
LOOK_AGAIN = 0.1
PATIENCE = 10.0
"""Seconds that somebody who writes now waits for the order's sake."""

EVER = datetime.min.replace(tzinfo=UTC)

Turn = AbstractAsyncContextManager[Any]


class Missed:
    """Looks after each new session; `turn` keeps the order of a channel's messages."""

    def __init__(
        self,
        client: discord.Client,
        inbox: Inbox,
        hearing: Hearing,
        absences: Absences,
        budget: Budget,
        turn: Callable[[int], Turn],
    ) -> None:
        self._client = client
        self._inbox = inbox
        self._hearing = hearing
        self._absences = absences
        self._history = History(budget)
        self._turn = turn
        self._beginning: asyncio.Task[CatchUp | None] | None = None
        self._search: asyncio.Task[None] | None = None
        self._looked = set[int]()
        self._hurried = set[int]()
        self._owed = Owed()
        self._told = set[str]()
        self._since = EVER

    def connected(self) -> None:
        """There is a new session; what came before it was not told."""
        self._cancel()
        beginning = self._begun()
        self._search = asyncio.create_task(self._keep_looking(beginning), name="discord catch-up")

    @contextmanager
    def hearing(
        self, channel: Any, *message_ids: int, said_at: datetime | None = None
    ) -> Iterator[None]:
        """Held while something that came is dealt with; where that fails, it is looked for again.

        `said_at` is when a message was said; None for a change of some.
        """
        try:
            with self._absences.hearing(PLATFORM, said_at):
                yield
        except QuipuError as error:
            self._owe(channel, message_ids)
            level = logging.DEBUG if isinstance(error, OutOfOrder | Closed) else logging.WARNING
            log.log(level, "discord.not_dealt_with", channel=channel.id, reason=str(error))
        except BaseException:
            self._owe(channel, message_ids)
            raise

    def _owe(self, channel: Any, message_ids: Collection[int]) -> None:
        self._owed.add(channel, message_ids)
        self._looked.discard(channel.id)

    async def before(self, message: discord.Message) -> None:
        """Look through the channel of a message that has just come, unless that was done."""
        if self._beginning is None:
            return
        self._told.add(str(message.id))
        channel, beginning, looked = message.channel, self._beginning, self._looked
        if channel.id in self._hurried:
            return
        self._hurried.add(channel.id)
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.wait([beginning])
                if beginning.cancelled():  # there is another session, which looks anew
                    return
                if catch_up := beginning.result():
                    await self._look(catch_up, channel)
            looked.add(channel.id)
        except (QuipuError, TimeoutError) as error:
            log.info("discord.order_not_kept", channel=channel.id, reason=repr(error))

    def is_news(self, message: discord.Message) -> bool:
        """Whether an update tells of an edit that the bot may not have known.

        Previews and pins come with the time of the last edit, which may be long ago.
        """
        return _edited(message, self._since)

    async def close(self) -> None:
        """Look no further; the next session begins again where this one did."""
        tasks = self._cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _cancel(self) -> list[asyncio.Task[Any]]:
        tasks = [task for task in (self._beginning, self._search) if task is not None]
        for task in tasks:
            task.cancel()
        self._beginning = self._search = None
        return tasks

    def _begun(self) -> asyncio.Task[CatchUp | None]:
        self._looked, self._hurried, self._told = set(), set(), set()
        self._history.forget()
        beginning = asyncio.create_task(self._begin(), name="discord catch-up begins")
        self._beginning = beginning
        return beginning

    async def _begin(self) -> CatchUp | None:
        catch_up = await self._absences.begin(PLATFORM, EVENTS_LATE)
        self._since = catch_up.since if catch_up else EVER
        return catch_up

    async def _keep_looking(self, beginning: asyncio.Task[CatchUp | None]) -> None:
        """For as long as the session lives."""
        with suppress(Closed):
            catch_up = await beginning
            if catch_up is not None:
                await self._guilds_told()
                await catch_up.complete(self._look_at_all)
            self._beginning = None
            while True:
                await self._absences.undone(PLATFORM)
                catch_up = await self._absences.again(PLATFORM, EVENTS_LATE)
                if catch_up is None:
                    self._owed.clear()
                else:
                    await catch_up.complete(self._look_at_owed)

    async def _guilds_told(self) -> None:
        """Wait until the gateway has told all guilds; those that have an outage, not for ever."""
        with suppress(TimeoutError):
            async with asyncio.timeout(GUILDS_WITHIN):
                while any(guild.unavailable for guild in self._client.guilds):  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_AGAIN)

    async def _look_at_all(self, catch_up: CatchUp) -> float | None:
        """None if every channel could be looked at, or never can."""
        waits = []
        for channel, place in await self._channels(catch_up):
            owed = self._owed.of(channel.id)
            if not owed and (place is None or catch_up.looked_through(place)):
                continue
            await catch_up.room()
            async with self._turn(channel.id):
                wait = await self._tried(catch_up, channel)
                if wait is not None:
                    waits.append(wait)
                    continue
                self._owed.paid(channel.id, owed)
            if place is not None:
                await catch_up.note(place)
        return max(waits, default=None)

    async def _look_at_owed(self, catch_up: CatchUp) -> float | None:
        """Only at the messages of which something came that was not dealt with."""
        waits = []
        for channel in self._owed.channels:
            await catch_up.room()
            async with self._turn(channel.id):
                owed = self._owed.of(channel.id)
                look = partial(self._look_again, catch_up, channel, owed)
                wait = await catch_up.tried(str(channel.id), look)
            if wait is None:
                self._owed.paid(channel.id, owed)
            else:
                waits.append(wait)
        return max(waits, default=None)

    async def _channels(self, catch_up: CatchUp) -> list[tuple[Any, Place | None]]:
        """Each once: those with news, direct ones, and where something was not dealt with."""
        private = [
            place
            for place in (
                *await self._absences.direct(PLATFORM),
                *await self._absences.familiar(PLATFORM),
            )
            if place.workspace == PRIVATE
        ]
        news = [(one, place_of(one)) for one in self._news(catch_up)]
        direct = [(self._client.get_partial_messageable(int(one.channel)), one) for one in private]
        owed = [(one, place_of(one)) for one in self._owed.channels]
        found: dict[int, tuple[Any, Place | None]] = {}
        for channel, place in (*news, *direct, *owed):
            found.setdefault(channel.id, (channel, place))
        return list(found.values())

    def _news(self, catch_up: CatchUp) -> list[Any]:
        """Channels and threads with a message since then, those with the newest first."""
        every = [c for guild in self._client.guilds for c in (*guild.channels, *guild.threads)]
        found = []
        for channel in every:
            newest = getattr(channel, "last_message_id", None)
            if newest and readable(channel) and snowflake_time(newest) >= catch_up.since:
                catch_up.seen(snowflake_time(newest))
                found.append((newest, channel))
        return [channel for _, channel in sorted(found, key=lambda each: each[0], reverse=True)]

    async def _tried(self, catch_up: CatchUp, channel: Any) -> float | None:
        """Look at a channel; after how many seconds to try it again, if that can help."""
        if channel.id in self._looked:
            return None
        self._hurried.add(channel.id)
        wait = await catch_up.tried(str(channel.id), partial(self._look_through, catch_up, channel))
        if wait is None:
            self._looked.add(channel.id)
        return wait

    async def _look_through(self, catch_up: CatchUp, channel: Any) -> None:
        await self._look(catch_up, channel)
        if owed := self._owed.of(channel.id):
            await self._look_again(catch_up, channel, owed)

    async def _look_again(self, catch_up: CatchUp, channel: Any, owed: Sequence[int]) -> None:
        """Deal with these messages as they are now."""
        with translated(f"channel {channel.id}"):
            channel = await known_channel(channel, self._client.fetch_channel)
            place = place_of(channel)
            if place is None:
                return
            found = {number: await self._history.message(channel, number) for number in owed}
            fresh = await catch_up.unclaimed(place, [str(number) for number in owed])
            said = [one for one in found.values() if one and str(one.id) in fresh]
            heard = [await self._heard(m, channel) for m in said if self._may_be_ours(m)]
        await catch_up.take([inbound for inbound in heard if inbound is not None])
        for number, message in found.items():
            if message is None or (message.edited_at and str(number) not in fresh):
                for where in places_of(place, str(number)):
                    await self._honour(where, number, message)

    async def _look(self, catch_up: CatchUp, channel: Any) -> None:
        with translated(f"channel {channel.id}"):
            said = await self._history.said(channel, catch_up)
            missed = [m for m in said if m.created_at >= catch_up.since and self._may_be_ours(m)]
            if missed or place_of(channel):
                channel = await known_channel(channel, self._client.fetch_channel)
            place = place_of(channel)
            if place is None:
                return
            fresh = await catch_up.unclaimed(place, [str(message.id) for message in missed])
            heard = [await self._heard(m, channel) for m in missed if str(m.id) in fresh]
        taken = [inbound for inbound in heard if inbound is not None]
        await catch_up.take(taken, told=self._told)
        await self._compare(catch_up, place, said, fresh)

    def _may_be_ours(self, message: discord.Message) -> bool:
        me = self._client.user
        if me is None or not spoken(message, me):
            return False
        return visible(message) or addressed(message, me)

    async def _heard(self, message: discord.Message, channel: Any) -> Inbound | None:
        assert self._client.user is not None
        # Of a direct message only its number was known, and who wrote it not as a member.
        message.channel = channel
        message.author = await self._history.member(message)
        heard = await self._hearing.hear(message, self._client.user, channel)
        if heard is None or (heard.declined and not heard.inbound.text):
            return None
        return await self._hearing.vouched(self._client, heard.inbound)

    async def _compare(
        self,
        catch_up: CatchUp,
        place: Place,
        said: Sequence[discord.Message],
        fresh: Collection[str],
    ) -> None:
        """Honour edits and deletions among the messages that came along.

        Those taken just now, the `fresh` ones, are known as they are, and are not missing either.
        """
        if not said:
            return
        by_id = {message.id: message for message in said}
        for where, message_id in await catch_up.said_since(place, said[0].created_at):
            number = int(message_id)
            mine = where == place or (not place.thread and where.thread == message_id)
            if not mine or not said[0].id <= number <= said[-1].id:
                continue
            message = by_id.get(number)
            if message is None or (message_id not in fresh and _edited(message, catch_up.since)):
                await self._honour(where, number, message)

    async def _honour(self, where: Place, number: int, message: discord.Message | None) -> None:
        """A message was edited, or is no more."""
        if message is None or not visible(message):
            await self._inbox.withdraw(where, str(number))
        elif self._client.user is not None:
            words = await self._hearing.words(message, self._client.user)
            await self._inbox.amend(where, str(number), words)


def _edited(message: discord.Message, since: datetime) -> bool:
    return message.edited_at is not None and message.edited_at >= since
