"""What people wrote while the bot was away: the newest is answered, the rest declined, once.

A search goes on until everything was looked through, however long a channel's history or the
database cannot be had: nobody else would look there before the next start.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from bot.control.words import say
from bot.conversation.conversations import Conversations
from bot.conversation.life import note_ending
from bot.errors import (
    Closed,
    OutOfOrder,
    PlatformError,
    QuipuError,
    StorageError,
    Throttled,
    Undeliverable,
)
from bot.operation.facts import UNOBSERVED, Observer
from bot.ports import Look, Store
from bot.reply.notices import explained
from bot.values import Inbound, Place, Reply, ReplyState

log = structlog.get_logger(__name__)

AT_ONCE = 8
"""Unfinished answers to missed messages, beyond which no further channel is looked into."""

MOST_SENTENCES = 50
"""Channels in which is said that something will not be answered."""

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
"""Seconds between two looks at what could not be looked into."""

MOST_STUMBLES = 5
"""Looks into one channel that may end in a way which nobody thought of."""

TOO_OLD = "missed: older than catch_up_within"
TOO_MANY = "missed: more than catch_up_messages"


class CatchingUp:
    """Implements the CatchUp port. Of messages said since `answered_from` now, `most` are answered.

    The others are declined, with one sentence for each channel. Whatever is taken was claimed, so
    that it is taken once, however often it is found. It was `begun` perhaps before a restart, and
    passes by the places that were looked through since.
    """

    def __init__(
        self,
        store: Store,
        conversations: Conversations,
        *,
        since: datetime,
        heard_until: datetime,
        begun: datetime,
        passed: Collection[str],
        answered_from: Callable[[], datetime],
        most: int,
        ended: Callable[[datetime | None], Awaitable[CatchingUp | None]],
        observer: Observer = UNOBSERVED,
    ) -> None:
        self.since = since
        self._store = store
        self._conversations = conversations
        self._heard_until = heard_until
        self._begun = begun
        self._passed = set(passed)
        self._answered_from = answered_from
        self._left = most
        self._ended = ended
        self._observer = observer
        self._newest: datetime | None = None
        self._given: list[Reply] = []
        self._count = 0
        self._told: set[str] = set()
        self._stumbles = Counter[str]()

    async def unclaimed(self, place: Place, message_ids: Collection[str]) -> set[str]:
        """Asked for before a message costs requests."""
        claimed = await self._store.claimed(place.platform, place.workspace, message_ids)
        return set(message_ids) - claimed

    async def take(self, missed: Sequence[Inbound], *, told: Collection[str] = ()) -> None:
        """All are claimed before the first is answered, so that one person's are answered together.

        Where they are too many, it is the newest that are answered. What was begun is finished even
        if the caller has no more patience: nobody else would answer what is claimed.
        """
        taking = asyncio.create_task(self._take(missed, told))
        taking.add_done_callback(_tell)
        await asyncio.shield(taking)

    async def _take(self, missed: Sequence[Inbound], told: Collection[str]) -> None:
        late, wanted = await self._admitted(missed, told)
        counted = [each for each in wanted if each.message_id not in told]
        many = counted[: max(len(counted) - self._left, 0)]
        held: list[Reply] = []
        try:
            await self._decline(late, TOO_OLD, held)
            await self._decline(many, TOO_MANY, held)
            await self._claim([each for each in wanted if each not in many], told, held)
        finally:
            # Whatever happens: what is claimed and has not ended is nobody else's to answer.
            self._conversations.answer_missed(held)

    async def room(self) -> None:
        """Answers are counted wherever they are given."""
        await self._conversations.room(self._given, AT_ONCE)

    def looked_through(self, place: Place) -> bool:
        """Whatever has been said there since it began is found by a search after this one."""
        return place.id in self._passed

    async def note(self, place: Place) -> None:
        """What was missed there is claimed: the next life answers it."""
        try:
            await self._store.note_looked(place, self._begun)
        except (Closed, OutOfOrder):
            raise
        except StorageError as error:
            # It only spares a restart some work.
            log.warning("not noted where was looked", place=place.id, reason=str(error))
        self._passed.add(place.id)

    async def said_since(self, place: Place, since: datetime) -> list[tuple[Place, str]]:
        """To find out what was edited or deleted meanwhile."""
        return await self._store.said_since(place, since)

    def seen(self, said_at: datetime) -> None:
        """The newest is where the next search begins."""
        self._newest = max(self._newest or said_at, said_at)

    async def tried(self, channel: str, look: Callable[[], Awaitable[None]]) -> float | None:
        """Look into a channel; its errors keep no other channel waiting."""
        try:
            await look()
        except Undeliverable as error:
            log.info("nothing to catch up", channel=channel, reason=str(error))
        except PlatformError as error:
            log.info("history not told", channel=channel, reason=str(error))
            return error.retry_after if isinstance(error, Throttled) else 0.0
        except (Closed, OutOfOrder):
            raise
        except Exception:
            self._stumbles[channel] += 1
            if self._stumbles[channel] < MOST_STUMBLES:
                log.warning("channel not caught up", channel=channel, exc_info=True)
                return 0.0
            log.exception("channel given up", channel=channel)
        return None

    async def complete(self, look: Look) -> None:
        """While the database is out of order nothing is looked for."""
        search: CatchingUp | None = self
        pauses = growing()
        while search is not None:
            pause = 0.0
            try:
                wait = await look(search)
                if wait is None:
                    search = await search.end()
                else:
                    pause = max(wait, next(pauses))
            except Closed:
                return
            except OutOfOrder as error:
                pause = next(pauses)
                log.info("missed messages wait for the database", reason=str(error))
                await self._store.well()
            except QuipuError as error:
                pause = next(pauses)
                log.warning("not all caught up", reason=str(error), again_in=pause)
            except Exception:
                pause = next(pauses)
                log.exception("not all caught up", again_in=pause)
            await asyncio.sleep(pause)

    async def end(self) -> CatchingUp | None:
        """From now on what is heard is noted again, unless there is more to look for."""
        log.info("caught up", answered=len(self._given), declined=self._count)
        following = await self._ended(self._newest)
        if following is not None and self._newest is not None:
            following.seen(self._newest)
        return following

    async def _admitted(
        self, missed: Sequence[Inbound], told: Collection[str]
    ) -> tuple[list[Inbound], list[Inbound]]:
        """What was said too long ago, and what can be answered."""
        late, wanted = list[Inbound](), list[Inbound]()
        answered_from = self._answered_from()
        for inbound in missed:
            young = inbound.said_at >= answered_from or inbound.message_id in told
            # Who was refused while the bot listened was told so then.
            tell = young and inbound.said_at > self._heard_until
            admitted = await self._conversations.admitted(inbound, tell=tell)
            if admitted is not None:
                (wanted if young else late).append(admitted)
        return late, wanted

    async def _claim(
        self, wanted: Sequence[Inbound], told: Collection[str], held: list[Reply]
    ) -> None:
        for inbound in wanted:
            reply = await self._conversations.claim(inbound)
            if reply is not None:
                held.append(reply)
                self._given.append(reply)
            if inbound.message_id not in told:
                self._left -= 1

    async def _decline(self, inbounds: Sequence[Inbound], reason: str, held: list[Reply]) -> None:
        """End these, but for the newest one where it has the sentence to say."""
        newest: Reply | None = None
        for inbound in inbounds:
            reply = await self._conversations.claim(inbound)
            if reply is None:
                continue
            held.append(reply)
            self._count += 1
            if newest is not None:
                await self._end(newest, reason, held)
            newest = reply
        if newest is None:
            return
        if self._may_say(newest.place):
            explanation = await self._explained(newest, reason)
            held[held.index(newest)] = explanation
        else:
            await self._end(newest, reason, held)

    async def _end(self, reply: Reply, reason: str, held: list[Reply]) -> None:
        await self._store.end(reply.id, ReplyState.FAILED, reason=reason)
        held.remove(reply)
        note_ending(reply, ReplyState.FAILED, self._observer, reason=reason)

    def _may_say(self, place: Place) -> bool:
        channel = place.scopes[-2]
        first = channel not in self._told and len(self._told) < MOST_SENTENCES
        self._told |= {channel}
        return first

    async def _explained(self, reply: Reply, reason: str) -> Reply:
        """The sentence is the reply's whole text from here on, also after a restart."""
        words = explained("", say("conversation.away", reply.locale))
        await self._store.flush(reply.id, words)
        await self._store.advance(reply.id, ReplyState.DELIVERING)
        return replace(reply, state=ReplyState.DELIVERING, text=words, reason=reason)


def _tell(taking: asyncio.Task[None]) -> None:
    """Nobody may be waiting for it any more."""
    if not taking.cancelled() and (error := taking.exception()):
        level = logging.DEBUG if isinstance(error, OutOfOrder) else logging.WARNING
        log.log(level, "missed messages not taken", reason=str(error))


def growing() -> Iterator[float]:
    """Pauses in seconds."""
    pause = FIRST_PAUSE
    while True:
        yield pause
        pause = min(2 * pause, LONGEST_PAUSE)
