"""One answer: history and persona become a prompt, text grows, and the ending is journalled."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, aclosing
from functools import partial

import structlog

from bot import plain
from bot.control.ports import Behaviours, Buttons, ReplyStore
from bot.control.response import Button
from bot.control.words import say, told
from bot.conversation.aside import tell_channel
from bot.conversation.attempts import Attempts
from bot.conversation.chosen import adapter_of, origin_of, sampling_of
from bot.conversation.earlier import Earlier, earlier
from bot.conversation.keeping import Keeping, surely
from bot.conversation.life import Life
from bot.conversation.prompting import Prompting
from bot.conversation.written import Written
from bot.engines import Engine, Engines
from bot.errors import (
    GenerationError,
    GeneratorLost,
    Gone,
    PlatformError,
    QuipuError,
    StorageError,
    ThreadGone,
    Undeliverable,
)
from bot.operation.facts import UNOBSERVED, ModelAnswered, Observer
from bot.ports import Answer, Choices, Messenger, Personas, Store
from bot.reply.delivery import PATIENCE, Delivery
from bot.reply.notices import explained
from bot.values import Choice, FinishReason, Reply, ReplyState, Waiting

log = structlog.get_logger(__name__)

DELETED = "the message was deleted"  # why a reply to a message that is no more has ended


class Answering:
    """Gives answers. The text so far is journalled every `journal_interval` seconds.

    Who waits for longer than `patience` seconds is told what for.
    """

    def __init__(
        self,
        store: Store,
        engines: Engines,
        choices: Choices,
        personas: Personas,
        *,
        journal_interval: float,
        patience: float = PATIENCE,
        records: ReplyStore,
        buttons: Buttons,
        behaviours: Behaviours,
        observer: Observer = UNOBSERVED,
    ) -> None:
        self._store = store
        self._engines = engines
        self._choices = choices
        self._journal_interval = journal_interval
        self._patience = patience
        self._records = records
        self._buttons = buttons
        self._prompting = Prompting(store, personas, behaviours)
        self._observer = observer
        self._lives: dict[int, Life] = {}
        self._journals: dict[int, Keeping] = {}
        self._running: dict[int, Answer] = {}
        self._waiting: dict[int, asyncio.Timeout] = {}
        self._stopped: set[int] = set()
        self._withdrawn: set[int] = set()
        self._left: dict[str, int] = {}
        self.attempts = Attempts(store)

    async def withdraw(self, reply: Reply) -> None:
        """Stop a reply whose question was deleted; if nothing is shown of it yet, nothing will."""
        self._withdrawn.add(reply.id)
        await self.stop(reply)

    async def stop(self, reply: Reply) -> None:
        """Stop a reply that is being given. What it said so far stays."""
        self._stopped.add(reply.id)
        if answer := self._running.get(reply.id):
            await answer.aclose()
        elif waiting := self._waiting.get(reply.id):
            waiting.reschedule(0.0)

    async def answer(self, reply: Reply, messenger: Messenger) -> None:
        """Answer one claimed message, or bring its text if that was whole already.

        A text that comes with a reason says why there is no answer.
        Returns with the reply ended, whatever happens; only cancelling leaves it in the journal.
        Of a model that is lost it waits for that, if the program is to be started again.
        One that is given again has its earlier answer back if there is no other.
        """
        past = Earlier()
        async with self._delivery(reply, messenger) as delivery:
            try:
                if reply.state is ReplyState.DELIVERING and reply.reason:
                    await delivery.finish(reply.text)
                    await self._end(reply, ReplyState.FAILED, reason=reply.reason)
                    return
                if reply.state is ReplyState.DELIVERING:
                    written = Written(reply.text, ReplyState.DELIVERED)
                else:
                    finding = partial(earlier, self._records, reply)
                    past = await self._journals[reply.id].kept(finding, delivery.halt)
                    written = await self._given(reply, past, delivery)
                await self._bring(reply, past, delivery, written)
            except Undeliverable as error:
                notice = say("conversation.cut_off", reply.locale)
                await delivery.abandon(past.text or delivery.text, notice)
                if not await self._forgone(reply, delivery):
                    if isinstance(error, ThreadGone) and delivery.shown_at is None:
                        await tell_channel(reply, messenger)
                    left = delivery.marked and not isinstance(error, Gone)
                    text = past.text or (delivery.text.strip() if left else "")
                    await self._fail(reply, error, text=text, marked=left)
            except GeneratorLost as error:
                self.attempts.suspect(reply)
                await self._engines.lost(error)
                await self._explain(reply, past, delivery, error)
            except QuipuError as error:
                await self._explain(reply, past, delivery, error)
            except Exception as error:  # nobody thought of it, and yet somebody waits for an answer
                log.exception("answer failed unexpectedly", reply=reply.id, place=reply.place.id)
                unforeseen = QuipuError(f"unexpected {type(error).__name__}: {error}")
                await self._explain(reply, past, delivery, unforeseen)
            finally:
                self._stopped.discard(reply.id)
                self._withdrawn.discard(reply.id)
                self._lives.pop(reply.id, None)
                self._journals.pop(reply.id, None)

    async def _given(self, reply: Reply, past: Earlier, delivery: Delivery) -> Written:
        """Write an answer and keep it, however long the database is out of order meanwhile."""
        journal, writing = self._journals[reply.id], partial(self._written, reply, past, delivery)
        written = await self.attempts.alone(reply, partial(journal.kept, writing, delivery.halt))
        if written.keep is not None:
            await journal.kept(written.keep, delivery.halt)
        return written

    def reached(self, reply: Reply) -> bool:
        """Whether this reply could be shown where one before it could not, to its end."""
        if self._left.get(reply.place.id, reply.id) == reply.id:
            return False
        del self._left[reply.place.id]
        return True

    async def interrupt(self, reply: Reply, messenger: Messenger) -> None:
        """Too old, or begun too often, to be answered again: say so where its text stands."""
        past = await surely(self._store, partial(earlier, self._records, reply))
        text = past.text or reply.text.strip()
        said = explained(text, self.attempts.notice(reply))
        async with self._delivery(reply, messenger) as delivery:
            try:
                await delivery.finish(said, await self._offered(reply))
            except PlatformError as error:
                await self._fail(reply, error, text=text, marked=not isinstance(error, Gone))
                return
        await self._end(reply, ReplyState.INTERRUPTED, text=text)

    def _delivery(self, reply: Reply, messenger: Messenger) -> Delivery:
        journal = self._journals[reply.id] = Keeping(self._store, reply.id)
        outlet = messenger.outlet(reply.place, reply.message_id, reply.beside)
        delivery = Delivery(
            outlet,
            reply,
            journal.part,
            forget=journal.forget,
            patience=self._patience,
            buttons=self._buttons.while_writing(reply),
        )
        life = self._lives[reply.id] = Life(reply, self._observer)
        life.edits, life.shown = lambda: delivery.edits, lambda: delivery.shown_at
        return delivery

    async def _end(
        self,
        reply: Reply,
        state: ReplyState,
        *,
        text: str | None = None,
        reason: str = "",
        marked: bool = False,
    ) -> None:
        """End the reply in the journal, and tell of its life."""
        journal = self._journals.pop(reply.id, None) or Keeping(self._store, reply.id)
        end = partial(self._store.end, text=text, reason=reason, marked=marked)
        await journal.kept(partial(end, reply.id, state))
        self.attempts.ended(reply)
        if life := self._lives.pop(reply.id, None):
            life.end(state, reason, text=text)

    async def _bring(
        self, reply: Reply, past: Earlier, delivery: Delivery, written: Written
    ) -> None:
        """Show the whole text and end the reply."""
        text, state = written.text, written.state
        if not text and await self._forgone(reply, delivery):
            return
        stopped = state is ReplyState.STOPPED
        notice = say("conversation.stopped" if stopped else "conversation.nothing", reply.locale)
        shown = text or explained("", notice)
        if text and written.repeated:
            shown = explained(text, say("conversation.repeated", reply.locale))
        if not text and past.text:
            text, state = past.text, ReplyState.DELIVERED
            reason = say("conversation.not_again", reply.locale, reason=notice)
            shown = text if stopped else explained(text, reason)
        await delivery.finish(shown, await self._offered(reply))
        await self._end(reply, state, text=text)

    async def _offered(self, reply: Reply) -> tuple[Button, ...]:
        """The buttons of an ended reply, which are worth less than its text."""
        try:
            return await self._buttons.when_ended(reply)
        except StorageError as error:
            log.info("no buttons", reply=reply.id, error=str(error))
            return ()

    async def _written(self, reply: Reply, past: Earlier, delivery: Delivery) -> Written:
        """Generate the answer, showing it as it grows."""
        choice = await self._choices.choice(reply.place)
        async with AsyncExitStack() as held:
            try:
                delivery.waiting = partial(self._waking, choice)
                engine = await self._engine(reply, choice, held)
            except TimeoutError:  # stopped while the model was being loaded
                return Written("", ReplyState.STOPPED)
            return await self._generated(reply, past, choice, engine, delivery)

    def _waking(self, choice: Choice) -> Waiting:
        """What is waited for while the model of the Place is not in memory."""
        waking = self._engines.waking(choice.model)
        return Waiting() if waking is None else Waiting(0, waking.left, waking.title)

    async def _engine(self, reply: Reply, choice: Choice, held: AsyncExitStack) -> Engine:
        """The model of the Place, held until `held` ends. TimeoutError if `stop` was asked for."""
        async with asyncio.timeout(0 if reply.id in self._stopped else None) as waiting:
            self._waiting[reply.id] = waiting
            try:
                return await held.enter_async_context(self._engines.use(choice.model))
            finally:
                del self._waiting[reply.id]

    async def _generated(
        self, reply: Reply, past: Earlier, choice: Choice, engine: Engine, delivery: Delivery
    ) -> Written:
        started = time.monotonic()
        await self.attempts.begin(reply)  # first: what goes after it may stand in the prompt
        prompt = await self._prompting.prompt(reply, past, engine.builder, self._lives[reply.id])
        sampling = sampling_of(choice, engine, past)
        adapter = adapter_of(choice, engine)
        life = self._lives[reply.id]
        life.queued(engine.title, adapter, prompt)
        answer = engine.generator.generate(prompt, sampling, reply.place, adapter=adapter)
        delivery.waiting = lambda: Waiting(answer.waiting, answer.wait)
        self._running[reply.id] = answer
        try:
            async with aclosing(answer):
                if reply.id in self._stopped:
                    await answer.aclose()
                text = await self._grown(reply, prompt.begun, answer, delivery, engine.title)
        finally:
            del self._running[reply.id]
            if answer.finish is not None:
                life.finished(answer.finish)
        if answer.finish is None:
            raise GenerationError(f"the answer to {reply.message_id} ended without a finish")
        stopped = answer.finish.reason is FinishReason.CANCELLED
        text = "" if stopped and text == prompt.begun else text
        keep = None
        if text or not (stopped or past.text):
            origin = origin_of(engine, adapter, sampling, seconds=time.monotonic() - started)
            keep = partial(self._store.complete, reply.id, text, answer.finish, prompt, origin)
        state = ReplyState.STOPPED if stopped else ReplyState.DELIVERED
        return Written(text, state, answer.finish.reason is FinishReason.REPEATED, keep)

    async def _grown(
        self, reply: Reply, begun: str, answer: Answer, delivery: Delivery, model: str
    ) -> str:
        text, saved, first = begun, 0.0, True
        life, journal = self._lives[reply.id], self._journals[reply.id]
        if begun:
            delivery.show(text)
        async for delta in answer:
            if first:
                await journal.soon(self._store.advance(reply.id, ReplyState.GENERATING))
                first = False
            text += delta
            life.text()
            if text.strip():
                delivery.show(text)
            if delivery.lost:
                await delivery.finish(text)  # raises the reason
            if time.monotonic() - saved >= self._journal_interval:
                await journal.soon(self._store.flush(reply.id, text))
                self._observer.note(ModelAnswered(model))
                saved = time.monotonic()
        surplus = answer.finish.surplus if answer.finish else 0
        whole = text[: len(text) - surplus].strip()
        return whole if plain.is_seen(whole) else ""

    async def _explain(
        self, reply: Reply, past: Earlier, delivery: Delivery, error: QuipuError
    ) -> None:
        """The reply failed: show its earlier answer or the text so far, and the reason."""
        if await self._forgone(reply, delivery):
            return
        text, notice, state = delivery.text.strip(), told(error, reply.locale), ReplyState.FAILED
        if past.text:
            text, state = past.text, ReplyState.DELIVERED
            notice = say("conversation.not_again", reply.locale, reason=notice)
        try:
            await delivery.finish(explained(text, notice), await self._offered(reply))
        except PlatformError as failure:
            log.error("reason not shown", reply=reply.id, error=str(failure))
            state = ReplyState.FAILED
        await self._fail(reply, error, text=text, state=state, marked=delivery.marked)

    async def _forgone(self, reply: Reply, delivery: Delivery) -> bool:
        """Whether the question is gone and nothing was shown; the reply ends without a word."""
        if reply.id not in self._withdrawn or delivery.begun:
            return False
        await self._end(reply, ReplyState.STOPPED, text="", reason=DELETED)
        return True

    async def _fail(
        self,
        reply: Reply,
        error: QuipuError,
        *,
        text: str = "",
        state: ReplyState = ReplyState.FAILED,
        marked: bool = False,
    ) -> None:
        reason = f"{type(error).__name__}: {error}"
        await self._end(reply, state, text=text, reason=reason, marked=marked)
        if marked:
            self._left[reply.place.id] = reply.id
