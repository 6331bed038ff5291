"""Up to when each platform was heard, and the search for what was missed since then.

What was heard is noted in the database every few seconds. While the bot is away, and until what it
missed has been looked through, that time stands still. A restart in the middle goes on with the
places that are left; when they are done, it looks everywhere for what came since the search began.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TypeVar

import structlog

from bot.conversation.catching_up import CatchingUp, growing
from bot.conversation.conversations import Conversations
from bot.conversation.keeping import surely
from bot.errors import Closed, OutOfOrder, StorageError
from bot.operation.facts import UNOBSERVED, Observer
from bot.ports import Store
from bot.values import Place

log = structlog.get_logger(__name__)

FURTHEST = timedelta(days=1)
"""What is older is left alone."""
CLOCK_OFF = timedelta(minutes=1)
"""Only beyond it is the computer's clock not believed: what a `Date` says has been on its way."""
SAVE_EVERY = 15.0
MOST_CHANNELS = 200
MOST_THREADS = 200
"""Of one channel."""
MOST_DIRECT = 200
MOST_UNDONE = 1_000
HEARD_ALL = datetime.max.replace(tzinfo=UTC)

_T = TypeVar("_T")


@dataclass
class Ear:
    """What is known of one platform: `gap` is since when something may be missing.

    Its clock is `ahead` of the computer's, or behind. What was said at the moments `undone` came,
    and was not dealt with; at those `sought`, too, which a search has begun to look for. `lost` is
    when the line was, and up to `listened` that which came before it is known.
    """

    ahead: timedelta = timedelta(0)
    away: bool = True
    owed: bool = True
    gap: datetime | None = None
    newest: datetime | None = None
    lost: datetime | None = None
    under_way: list[datetime] = field(default_factory=list)
    undone: set[datetime] = field(default_factory=set)
    sought: set[datetime] = field(default_factory=set)
    listened: datetime | None = None
    pauses: Iterator[float] = field(default_factory=growing)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def until(self) -> datetime | None:
        """Everything up to then has been dealt with."""
        held = [*self.under_way, *self.undone, *self.sought]
        return min(held, default=self.newest) if self.newest else None

    def failed(self, said_at: datetime) -> None:
        """A message was not dealt with. Of very many the oldest will do."""
        self.undone.add(said_at)
        if len(self.undone) > MOST_UNDONE:
            self.undone.remove(max(self.undone))
        self.news.set()

    def done(self, said_at: datetime) -> None:
        """A message was dealt with, perhaps at the second try."""
        self.undone.discard(said_at)
        self.sought.discard(said_at)
        self.heard(said_at)

    def heard(self, said_at: datetime | None) -> None:
        """Nothing up to there was missed."""
        if said_at is not None:
            self.newest = max(self.newest or said_at, said_at)


class Absences:
    """Implements the Absences port. What is missed is answered if it was said `within` that time.

    At most `messages` are answered after one absence; none if `within` is 0.
    """

    def __init__(
        self,
        store: Store,
        conversations: Conversations,
        *,
        within: timedelta,
        messages: int,
        now: Callable[[], datetime] | None = None,
        observer: Observer = UNOBSERVED,
    ) -> None:
        self._store = store
        self._conversations = conversations
        self._within = within
        self._messages = messages
        self._now = now or _now
        self._observer = observer
        self._ears: dict[str, Ear] = defaultdict(Ear)

    @contextmanager
    def hearing(self, platform: str, said_at: datetime | None) -> Iterator[None]:
        """The time that is noted does not pass a message before it was dealt with.

        One that was not, since it ended with an error, is found by the next search, unless the
        platform sends it again. A change counts as made when the newest message was said.
        """
        ear = self._ears[platform]
        moment = said_at or ear.newest or self._told_now(ear)
        ear.under_way.append(moment)
        try:
            yield
        except BaseException:
            ear.failed(moment)
            raise
        else:
            if said_at is not None:
                ear.done(said_at)
        finally:
            ear.under_way.remove(moment)

    def lost(self, platform: str) -> None:
        """What may be missing begins with the newest message that was heard."""
        ear = self._ears[platform]
        if not ear.away:
            ear.lost = self._told_now(ear)
            if not ear.owed:
                ear.gap, ear.listened = ear.until, ear.newest
        ear.away = True

    def kept(self, platform: str) -> None:
        """A search that was owed before is still owed."""
        ear = self._ears[platform]
        ear.away = False
        ear.news.set()

    def clock(self, platform: str, date: str | None) -> None:
        """Times of messages are the platform's; the computer's clock may be hours off."""
        with suppress(ValueError, TypeError):  # no date, or one of no zone
            told = parsedate_to_datetime(date or "")
            self._ears[platform].ahead = told - self._now()

    async def begin(self, platform: str, margin: timedelta) -> CatchingUp | None:
        """On a platform that the bot was never on, nothing was missed."""
        ear = self._ears[platform]
        ear.away, ear.owed = False, True
        begun = self._told_now(ear)
        since = ear.gap or await self._surely(partial(self._store.heard_until, platform))
        # What came and was not dealt with is missing also where a search has been.
        missing = ear.undone | ear.sought
        since = min([*([since] if since else []), *missing], default=None)
        ear.undone.clear()
        ear.sought.clear()
        if since is None or not self._within:
            ear.owed, ear.gap = False, None
            ear.heard(begun)
            await self._surely(partial(self._store.note_heard, platform, begun))
            return None
        ear.gap = since
        return await self._search(platform, since, margin, begun, anew=bool(missing))

    async def undone(self, platform: str) -> None:
        """Not while the line is down: what is said then is not told either."""
        ear = self._ears[platform]
        while True:
            await self._store.well()
            if ear.undone and not ear.away:
                return
            ear.news.clear()
            await ear.news.wait()

    async def again(self, platform: str, margin: timedelta) -> CatchingUp | None:
        """After a pause, which grows for as long as something new is not dealt with meanwhile."""
        ear = self._ears[platform]
        await asyncio.sleep(next(ear.pauses))
        ear.sought |= ear.undone
        ear.undone.clear()
        if not ear.sought or not self._within:
            ear.sought.clear()
            return None

        async def ended(_: datetime | None) -> CatchingUp | None:
            ear.sought.clear()
            if not ear.undone:
                ear.pauses = growing()
            return None

        return CatchingUp(
            self._store,
            self._conversations,
            since=max(min(ear.sought) - margin, self._there(ear) - FURTHEST),
            heard_until=HEARD_ALL,
            begun=self._told_now(ear),
            passed=(),
            answered_from=lambda: self._there(ear) - self._within,
            most=self._messages,
            ended=ended,
            observer=self._observer,
        )

    async def _search(
        self,
        platform: str,
        since: datetime,
        margin: timedelta,
        connected: datetime,
        *,
        anew: bool = False,
    ) -> CatchingUp:
        """Begun when the line was there, or when the one was begun that was cut off."""
        ear = self._ears[platform]
        looked = await self._surely(partial(self._store.looked_through, platform))
        looked = {} if anew else looked
        begun = min(looked.values(), default=connected)
        ear.gap = since

        log.info(
            "looking for missed messages",
            platform=platform,
            since=since.isoformat(),
            done=len(looked),
        )

        async def ended(until: datetime | None) -> CatchingUp | None:
            if ear.gap != since:
                return None
            if not looked:
                await self._ended(platform, until)
                return None
            await self._store.note_heard(platform, begun)
            return await self._search(platform, begun, margin, connected)

        return CatchingUp(
            self._store,
            self._conversations,
            since=max(since - margin, self._there(ear) - FURTHEST),
            heard_until=max(since, ear.listened or since),
            begun=begun,
            passed=looked,
            answered_from=lambda: self._there(ear) - self._within,
            most=self._messages,
            ended=ended,
            observer=self._observer,
        )

    async def familiar(self, platform: str) -> list[Place]:
        """No more than can be looked through."""
        return await self._store.familiar(platform, channels=MOST_CHANNELS, threads=MOST_THREADS)

    async def direct(self, platform: str) -> list[Place]:
        """However many channels and threads were used since."""
        return await self._store.direct(platform, limit=MOST_DIRECT)

    async def save(self) -> None:
        """Note up to when was heard."""
        for platform, ear in list(self._ears.items()):
            if ear.until is not None and not (ear.away or ear.owed):
                await self._store.note_heard(platform, ear.until)

    async def run(self) -> None:
        """Note it again and again, and once more at the end."""
        try:
            while True:
                await asyncio.sleep(SAVE_EVERY)
                await self._try_to_save()
        finally:
            await self._try_to_save()

    async def _try_to_save(self) -> None:
        try:
            await self.save()
        except StorageError as error:
            level = logging.DEBUG if isinstance(error, OutOfOrder) else logging.WARNING
            log.log(level, "not noted up to when was heard", error=str(error))

    async def _ended(self, platform: str, until: datetime | None) -> None:
        ear = self._ears[platform]
        ear.heard(until)
        ear.owed = False
        # Lost again meanwhile: then all up to there is known.
        known = [moment for moment in (ear.until, ear.lost) if moment is not None]
        ear.gap = min(known, default=None) if ear.away else None
        await self.save()

    def _there(self, ear: Ear) -> datetime:
        """What time it is by the platform's clock."""
        return self._now() + (ear.ahead if abs(ear.ahead) > CLOCK_OFF else timedelta(0))

    def _told_now(self, ear: Ear) -> datetime:
        """No later than it is by the platform's clock."""
        return self._now() + min(ear.ahead, timedelta(0))

    async def _surely(self, work: Callable[[], Awaitable[_T]]) -> _T:
        """However the database fails: without a search nothing that is missing would be found."""
        pauses = growing()
        while True:
            try:
                return await surely(self._store, work)
            except Closed:
                raise
            except StorageError as error:
                pause = next(pauses)
                log.warning("cannot look for missed messages", reason=str(error), again_in=pause)
                await asyncio.sleep(pause)


def _now() -> datetime:
    return datetime.now(UTC)
