"""What people wrote while the bot was away: the newest is answered, the rest declined, once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from bot.control.words import say
from bot.conversation.conversations import Conversations
from bot.ports import Store
from bot.reply.notices import explained
from bot.values import Inbound, Place, Reply, ReplyState

log = structlog.get_logger(__name__)

AT_ONCE = 8
"""Unfinished answers to missed messages, beyond which no further channel is looked into."""

MOST_SENTENCES = 50
"""Channels in which is said that something will not be answered."""

TOO_OLD = "missed: older than catch_up_within"
TOO_MANY = "missed: more than catch_up_messages"


class CatchingUp:
    """Implements the CatchUp port. Messages said since `answered_from` are answered, `most` in all.

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
        answered_from: datetime,
        most: int,
        ended: Callable[[datetime | None], Awaitable[CatchingUp | None]],
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
        self._given: list[Reply] = []
        self._count = 0
        self._told: set[str] = set()

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
        self._left -= len(counted) - len(many)
        ending = await self._declined(late, TOO_OLD) + await self._declined(many, TOO_MANY)
        claimed = await self._claimed([each for each in wanted if each not in many])
        self._given += claimed
        self._conversations.answer_missed([*ending, *claimed])

    async def room(self) -> None:
        """Answers are counted wherever they are given."""
        await self._conversations.room(self._given, AT_ONCE)

    def looked_through(self, place: Place) -> bool:
        """Whatever has been said there since it began is found by a search after this one."""
        return place.id in self._passed

    async def note(self, place: Place) -> None:
        """What was missed there is claimed: the next life answers it."""
        await self._store.note_looked(place, self._begun)
        self._passed.add(place.id)

    async def said_since(self, place: Place, since: datetime) -> list[tuple[Place, str]]:
        """To find out what was edited or deleted meanwhile."""
        return await self._store.said_since(place, since)

    async def end(self, until: datetime | None) -> CatchingUp | None:
        """From now on what is heard is noted again, unless there is more to look for."""
        log.info("caught up", answered=len(self._given), declined=self._count)
        return await self._ended(until)

    async def _admitted(
        self, missed: Sequence[Inbound], told: Collection[str]
    ) -> tuple[list[Inbound], list[Inbound]]:
        """What was said too long ago, and what can be answered."""
        late, wanted = list[Inbound](), list[Inbound]()
        for inbound in missed:
            young = inbound.said_at >= self._answered_from or inbound.message_id in told
            # Who was refused while the bot listened was told so then.
            tell = young and inbound.said_at > self._heard_until
            admitted = await self._conversations.admitted(inbound, tell=tell)
            if admitted is not None:
                (wanted if young else late).append(admitted)
        return late, wanted

    async def _claimed(self, wanted: Sequence[Inbound]) -> list[Reply]:
        claims = [await self._conversations.claim(inbound) for inbound in wanted]
        return [reply for reply in claims if reply is not None]

    async def _declined(self, inbounds: Sequence[Inbound], reason: str) -> list[Reply]:
        """End these, but for the newest one where it has the sentence to say."""
        newest: Reply | None = None
        for inbound in inbounds:
            reply = await self._conversations.claim(inbound)
            if reply is None:
                continue
            self._count += 1
            if newest is not None:
                await self._store.end(newest.id, ReplyState.FAILED, reason=reason)
            newest = reply
        if newest is None:
            return []
        if self._may_say(newest.place):
            return [await self._explained(newest, reason)]
        await self._store.end(newest.id, ReplyState.FAILED, reason=reason)
        return []

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
        log.warning("missed messages not taken", reason=str(error))
