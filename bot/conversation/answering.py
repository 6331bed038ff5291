"""One answer: history and persona become a prompt, text grows, and the ending is journalled."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing

import structlog

from bot.errors import GenerationError, PlatformError, QuipuError, Undeliverable
from bot.ports import Answer, Generator, Messenger, Personas, Store
from bot.prompt.builder import PromptBuilder
from bot.reply.delivery import Delivery
from bot.reply.notices import INTERRUPTED, NOTHING, STOPPED, explained
from bot.values import FinishReason, Part, Prompt, Reply, ReplyState, Sampling

log = structlog.get_logger(__name__)


class Answering:
    """Gives answers. The text so far is journalled every `journal_interval` seconds."""

    def __init__(
        self,
        store: Store,
        generator: Generator,
        builder: PromptBuilder,
        personas: Personas,
        sampling: Sampling,
        *,
        journal_interval: float,
    ) -> None:
        self._store = store
        self._generator = generator
        self._builder = builder
        self._personas = personas
        self._sampling = sampling
        self._journal_interval = journal_interval
        self._running: dict[int, Answer] = {}
        self._stopped: set[int] = set()

    async def stop(self, reply: Reply) -> None:
        """Stop a reply that is being given. What it said so far stays."""
        self._stopped.add(reply.id)
        if answer := self._running.get(reply.id):
            await answer.aclose()

    async def answer(self, reply: Reply, messenger: Messenger) -> None:
        """Answer one claimed message, or bring its text if that was whole already.

        Returns with the reply ended, whatever happens; only cancelling leaves it in the journal.
        """
        async with self._delivery(reply, messenger) as delivery:
            try:
                if reply.state is ReplyState.DELIVERING:
                    text, state = reply.text, ReplyState.DELIVERED
                else:
                    text, state = await self._written(reply, delivery)
                notice = NOTHING if state is ReplyState.DELIVERED else STOPPED
                await delivery.finish(text or explained("", notice))
                await self._store.end(reply.id, state, text=text)
            except Undeliverable as error:
                await self._fail(reply, error)
            except QuipuError as error:
                await self._explain(reply, delivery, error)
            except Exception as error:  # nobody thought of it, and yet somebody waits for an answer
                log.exception("answer failed unexpectedly", reply=reply.id, place=reply.place.id)
                unforeseen = QuipuError(f"unexpected {type(error).__name__}: {error}")
                await self._explain(reply, delivery, unforeseen)

    async def interrupt(self, reply: Reply, messenger: Messenger) -> None:
        """Too old to be answered again: say so where its text stands."""
        async with self._delivery(reply, messenger) as delivery:
            try:
                await delivery.finish(explained(reply.text, INTERRUPTED))
            except PlatformError as error:
                await self._fail(reply, error)
                return
        await self._store.end(reply.id, ReplyState.INTERRUPTED, text=reply.text.strip())

    def _delivery(self, reply: Reply, messenger: Messenger) -> Delivery:
        async def journal(part: Part) -> None:
            await self._store.save_part(reply.id, part)

        return Delivery(messenger.outlet(reply.place, reply.message_id), reply, journal)

    async def _written(self, reply: Reply, delivery: Delivery) -> tuple[str, ReplyState]:
        """Generate the answer, showing it as it grows; the whole text, and how it came to end."""
        prompt = await self._prompt(reply)
        await self._store.advance(reply.id, ReplyState.QUEUED)
        answer = self._generator.generate(prompt, self._sampling, reply.place)
        delivery.waiting = lambda: answer.waiting
        self._running[reply.id] = answer
        try:
            async with aclosing(answer):
                if reply.id in self._stopped:
                    await answer.aclose()
                text = await self._grown(reply, answer, delivery)
        finally:
            del self._running[reply.id]
            self._stopped.discard(reply.id)
        if answer.finish is None:
            raise GenerationError(f"the answer to {reply.message_id} ended without a finish")
        if answer.finish.reason is FinishReason.CANCELLED:
            return text, ReplyState.STOPPED
        await self._store.complete(reply.id, text, answer.finish, prompt)
        return text, ReplyState.DELIVERED

    async def _grown(self, reply: Reply, answer: Answer, delivery: Delivery) -> str:
        text, saved = "", 0.0
        async for delta in answer:
            if not text:
                await self._store.advance(reply.id, ReplyState.GENERATING)
            text += delta
            if text.strip():
                delivery.show(text)
            if delivery.lost:
                await delivery.finish(text)  # raises the reason
            if time.monotonic() - saved >= self._journal_interval:
                await self._store.flush(reply.id, text)
                saved = time.monotonic()
        return text.strip()

    async def _prompt(self, reply: Reply) -> Prompt:
        turns = await self._store.history(reply.place, reply.id)
        persona = await self._personas.show(reply.place)
        names = not reply.place.private
        # Encoding a long history takes milliseconds that the event loop does not have.
        words = persona if persona.text else None
        prompt = await asyncio.to_thread(self._builder.build, words, turns, names=names)
        if prompt.first_kept:
            await self._store.keep_from(reply.place, turns[prompt.first_kept].id)
        return prompt

    async def _explain(self, reply: Reply, delivery: Delivery, error: QuipuError) -> None:
        """The reply failed: show the text so far, if any, and the reason."""
        written = delivery.text.strip()
        try:
            await delivery.finish(explained(written, error.notice))
        except PlatformError as failure:
            log.error("reason not shown", reply=reply.id, error=str(failure))
        await self._fail(reply, error, text=written)

    async def _fail(self, reply: Reply, error: QuipuError, *, text: str = "") -> None:
        reason = f"{type(error).__name__}: {error}"
        log.warning("reply ended as failed", reply=reply.id, reason=reason)
        await self._store.end(reply.id, ReplyState.FAILED, text=text, reason=reason)
