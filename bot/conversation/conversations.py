"""From a claimed message to an ended reply: what adapters call, and how an answer is given."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import structlog
from structlog.contextvars import bound_contextvars

from bot import plain
from bot.control.ports import Gate
from bot.control.words import say, told
from bot.conversation.admission import Admissions, OpenGate
from bot.conversation.answering import DELETED, Answering
from bot.conversation.deletions import forget_message
from bot.conversation.early import EarlyChanges
from bot.conversation.excuses import Excuses
from bot.conversation.keeping import Afterwards, surely
from bot.conversation.lanes import Lanes
from bot.conversation.life import note_ending
from bot.conversation.queue_notices import QueueNotices
from bot.errors import Busy, Closed, Forbidden, OutOfOrder, PlatformError, StorageError
from bot.operation.facts import UNOBSERVED, MessageRefused, Observer
from bot.ports import Messenger, Outlet, Store
from bot.reply.delivery import PATIENCE
from bot.values import Author, Inbound, Place, Reply, ReplyState

log = structlog.get_logger(__name__)


GREETING = "Hello!"
"""What a mention without a word is taken for."""


class Conversations:
    """Implements the Inbox port for every platform.

    `waiting` bounds the queue of a Place; who waits there for longer than `patience` is told how
    many are before. Replies found unfinished at a start are given again if they were claimed
    within `resume_within` and not begun too often, else explained. The `gate` says who is answered.
    """

    def __init__(
        self,
        store: Store,
        answering: Answering,
        *,
        waiting: int,
        resume_within: timedelta,
        gate: Gate | None = None,
        patience: float = PATIENCE,
        observer: Observer = UNOBSERVED,
    ) -> None:
        self._store = store
        self._answering = answering
        self._observer = observer
        self._resume_within = resume_within
        self._messengers: dict[str, Messenger] = {}
        self._admissions = Admissions(gate or OpenGate())
        self._early = EarlyChanges()
        self._excuses = Excuses(self._messengers, observer)
        self._afterwards = Afterwards(store)
        self._notices = QueueNotices(store, patience=patience)
        self._lanes = Lanes(self._answer, limit=waiting)
        self._overdue: set[int] = set()

    def attach(self, messenger: Messenger) -> None:
        """From now on this messenger brings the replies of its platform."""
        self._messengers[messenger.platform] = messenger

    async def accept(self, inbound: Inbound) -> bool:
        """Claim a message and queue its answer; StorageError if its author heard nothing of it."""
        with bound_contextvars(place=inbound.place.id, message=inbound.message_id):
            return await self._accept(inbound)

    async def _accept(self, inbound: Inbound) -> bool:
        try:
            admitted = await self.admitted(inbound)
            reply = await self.claim(admitted) if admitted else None
        except Closed:
            raise
        except StorageError as error:
            # One alarm was raised where it failed first; this would be a line for each message.
            say_so = log.debug if isinstance(error, OutOfOrder) else log.error
            say_so("message not saved", place=inbound.place.id, error=str(error))
            if not await self._excuses.decline(inbound, told(error, inbound.locale)):
                raise
            return False
        if reply is None:
            return False
        await self._queue(reply)
        return True

    async def claim(self, inbound: Inbound) -> Reply | None:
        """Claim a message that is admitted, without queueing it; None if it was claimed before."""
        reply = await self._store.claim(inbound)
        if reply is None:
            log.debug("claimed before", place=inbound.place.id, message=inbound.message_id)
            return None
        log.debug("reply claimed", reply=reply.id, author=inbound.author.id, asked=inbound.text)
        return replace(reply, locale=inbound.locale)

    async def admitted(self, inbound: Inbound, *, tell: bool = True) -> Inbound | None:
        """The message as it is to be answered; None, and a word to its author, if it is not."""
        if self._excuses.declined(inbound):
            log.debug("declined before", place=inbound.place.id, message=inbound.message_id)
            return None
        now = self._early.applied(_readable(inbound))
        if now is None:
            log.debug("deleted before it came", place=inbound.place.id, message=inbound.message_id)
            return None
        inbound = now
        if not inbound.text.strip():
            if not inbound.mentioned:
                return None
            inbound = replace(inbound, text=GREETING)
        admission = await self._admissions.ask(inbound)
        if admission.admitted:
            return inbound
        reason = admission.reason or "other"
        self._observer.note(MessageRefused(inbound.place.platform, reason))
        if tell and admission.notice:
            await self._excuses.tell(inbound, admission.notice)
        return None

    async def amend(self, place: Place, message_id: str, text: str) -> None:
        """An edited message changes its turn; an answer that is not begun yet will read it so."""
        text = plain.text(text)

        async def change() -> None:
            changed = await self._store.amend(place, message_id, text)
            if not changed:
                self._early.edited(place, message_id, text)
            log.debug("message edited", place=place.id, known=changed)

        await self._afterwards.do(change)

    async def withdraw(self, place: Place, message_id: str) -> None:
        """A deleted message, or answer, is no more; what still waits to be answered is not."""
        current = self._lanes.current(place.id)
        if current and current.message_id == message_id:
            await self._answering.withdraw(current)
        waiting = self._lanes.remove(place.id, message_id)
        await self._afterwards.do(partial(self._withdraw, place, message_id, waiting))

    async def _withdraw(self, place: Place, message_id: str, waiting: Reply | None) -> None:
        if taken := await forget_message(self._store, self._early, place, message_id):
            self._afterwards.beside(f"hide {taken.id}", self.hide(taken))
        if waiting:
            await self._store.end(waiting.id, ReplyState.STOPPED, reason=DELETED)
            note_ending(waiting, ReplyState.STOPPED, self._observer, reason=DELETED)
            if self._knows(place):
                self._notices.drop_beside([(waiting, self._outlet(waiting))])

    @property
    def answering(self) -> int:
        """Places at which an answer is being given."""
        return self._lanes.running

    @property
    def waiting(self) -> int:
        """Replies that wait at Places behind others."""
        return self._lanes.waiting

    async def settled(self) -> None:
        """Wait until every message has its answer, and nothing is left that is to be taken back."""
        await self._lanes.settled()
        await self._afterwards.shown()
        await self._notices.dropped()

    async def over(self, reply_id: int) -> None:
        """Wait until a reply is not being given any more."""
        await self._lanes.over(reply_id)

    def current(self, place: Place) -> Reply | None:
        """The reply that is being given at a Place."""
        return self._lanes.current(place.id)

    def behind(self, place: Place) -> Reply | None:
        """The first new reply that waits behind the one being given at a Place."""
        return self._lanes.behind(place.id)

    async def give_again(self, reply: Reply, *, begun: str = "") -> None:
        """Give a reply that the journal has reopened, going on from what was `begun`."""
        if begun:
            await self._store.flush(reply.id, begun)
        self._lanes.put(replace(reply, text=begun or reply.text), bounded=False)

    def answer_missed(self, replies: Sequence[Reply]) -> None:
        """Answer messages that were claimed late; what people write now has its room beside them.

        One that is delivering already is shown its text, and ended with its reason.
        """
        for reply in replies:
            if not self._lanes.holds(reply):  # a new connection may have taken it up meanwhile
                self._lanes.put(reply, bounded=False)

    async def room(self, replies: Sequence[Reply], most: int) -> None:
        """Wait until fewer than `most` of these are unfinished."""
        await self._lanes.room(replies, most)

    async def hide(self, reply: Reply) -> bool:
        """Take back the messages of a reply; False if the platform did not take that."""
        outlet = self._outlet(reply)
        try:
            for part in reply.parts:
                await outlet.delete(part.message_id)
        except PlatformError as error:
            log.warning("reply not hidden", reply=reply.id, error=str(error))
            return False
        return True

    async def stop(self, place: Place, author: Author) -> bool:
        """Stop the answer that is being written here, for who asked for it or an admin."""
        reply = self._lanes.current(place.id)
        if reply is None or reply.id in self._overdue:
            return False
        if author.id != reply.author.id and not author.manages:
            raise Forbidden(f"{author.id} may not stop reply {reply.id}", key="error.not_the_asker")
        log.info("stopped", reply=reply.id, place=place.id, author=author.id)
        await self._answering.stop(reply)
        return True

    async def recover(self, messenger: Messenger) -> int:
        """Take up what an earlier run left unfinished on this platform; returns how many.

        May be called again after a new connection: what is being answered is left alone.
        Waits for no answer of the platform, so one that is slow to take messages is listened to.
        """
        self.attach(messenger)
        with suppress(OutOfOrder):  # what cannot be noted now is found by the next connection
            await self._store.reopen_marked(messenger.platform)
        unfinished = await self._store.unfinished(messenger.platform)
        replies = [reply for reply in unfinished if not self._lanes.holds(reply)]
        self._take_up(replies)
        left_over = await self._store.left_over(messenger.platform)
        self._notices.drop_beside([(left, self._outlet(left)) for left in left_over])
        if replies:
            log.info("took up unfinished replies", platform=messenger.platform, count=len(replies))
        return len(replies)

    def _take_up(self, replies: Sequence[Reply]) -> None:
        youngest = datetime.now(UTC) - self._resume_within
        for reply in replies:
            over = reply.claimed_at < youngest or self._answering.attempts.exhausted(reply)
            if over and reply.state is not ReplyState.DELIVERING:
                self._overdue.add(reply.id)
            self._lanes.put(reply, bounded=False)

    async def detach(self, platform: str, *, within: float = 0.0) -> None:
        """The platform's messenger is about to close: end what it brings, within so many seconds.

        What has not ended then, and what waits, is left to `recover`.
        """
        await self._lanes.release(lambda reply: reply.place.platform == platform, within)

    async def drain(self, deadline: float) -> None:
        """Finish what runs, within `deadline` seconds; the rest stays in the journal."""
        await self._notices.close()
        await self._lanes.drain(deadline)
        await self._afterwards.close()

    async def _queue(self, reply: Reply) -> None:
        if self._lanes.holds(reply):  # as in `answer_missed`
            return
        before = self._lanes.last(reply.place.id)
        try:
            self._lanes.put(reply)
        except Busy as error:
            log.warning("too many wait", place=reply.place.id)
            await self._refuse(reply, str(error))
            return
        # What one person writes in a row is answered together: that is no queue.
        if before and before.author.id != reply.author.id and self._knows(reply.place):
            self._notices.begin(reply, self._outlet(reply), lambda: self._lanes.ahead(reply))

    async def _refuse(self, reply: Reply, reason: str) -> None:
        """Say that too many wait. If the journal cannot note that, the reply waits after all."""
        words = say("conversation.too_many_wait", reply.locale)
        try:
            if self._knows(reply.place):
                await self._notices.refuse(reply, self._outlet(reply), words)
            await self._store.end(reply.id, ReplyState.FAILED, reason=reason)
        except StorageError as error:
            log.debug("not refused", reply=reply.id, reason=str(error))
            self._lanes.put(reply, bounded=False)
            return
        self._notices.forget(reply)
        note_ending(reply, ReplyState.FAILED, self._observer, reason=reason)

    def _knows(self, place: Place) -> bool:
        return place.platform in self._messengers

    def _outlet(self, reply: Reply) -> Outlet:
        return self._messengers[reply.place.platform].outlet(reply.place, reply.message_id)

    async def _answer(self, replies: Sequence[Reply]) -> None:
        """Answer the newest of these; the others end as merged into it."""
        with bound_contextvars(**_ids(replies[-1])):
            await self._answer_newest(replies)

    async def _answer_newest(self, replies: Sequence[Reply]) -> None:
        *merged, reply = replies
        messenger = self._messengers[reply.place.platform]
        try:
            await self._afterwards.settled()
            reply = await self._notices.end(reply)
            if merged:
                ids = [each.id for each in merged]
                await surely(self._store, partial(self._store.merge, ids, reply.id))
            for each in merged:
                await self._notices.drop(each, self._outlet(each))
            for each in merged:
                note_ending(each, ReplyState.MERGED, self._observer, into=reply.id)
            if reply.id in self._overdue:
                await self._answering.interrupt(reply, messenger)
            else:
                await self._answering.answer(reply, messenger)
            if self._answering.reached(reply):
                reopen = partial(self._store.reopen_marked, reply.place.platform, reply.place)
                self._take_up(await surely(self._store, reopen))
        except asyncio.CancelledError:
            await self._answering.attempts.spare(reply)
            raise
        except Exception:
            # The lane must live on whatever happens to one answer; the journal still has it.
            log.exception("answer failed", reply=reply.id, place=reply.place.id)
        finally:
            self._overdue.difference_update(each.id for each in replies)


def _ids(reply: Reply) -> dict[str, object]:
    """What every line of the log carries that is written for this reply, wherever it is."""
    return {"reply": reply.id, "place": reply.place.id, "message": reply.message_id}


def _readable(inbound: Inbound) -> Inbound:
    """What was said, with nothing in it or in its names that cannot be kept or is not seen."""
    return replace(
        inbound,
        text=plain.text(inbound.text),
        author=plain.author(inbound.author),
        channel_name=plain.name(inbound.channel_name),
        workspace_name=plain.name(inbound.workspace_name),
    )
