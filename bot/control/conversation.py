"""Steering a conversation: stop, regenerate, continue, earlier, undo and reset."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from bot.control.authority import authorise
from bot.control.buttons import can_continue, shown
from bot.control.commands import BY_PATH
from bot.control.feedback import FeedbackControl
from bot.control.ports import FeedbackStore, Handler, ReplyStore
from bot.control.records import Record
from bot.control.refusal import refusal
from bot.control.response import Call, Given, Response
from bot.control.words import say
from bot.values import Author, Place, Reply, ReplyState

MOMENT = 2.0
"""Seconds that a command waits for an answer to end whose text is there."""


class Conversing(Protocol):
    """What these commands need of the conversations."""

    def current(self, place: Place) -> Reply | None:
        """The reply that is being given at a Place."""

    def behind(self, place: Place) -> Reply | None:
        """The first new reply that waits behind the one being given at a Place."""

    async def over(self, reply_id: int) -> None:
        """Wait until a reply is not being given any more."""

    async def stop(self, place: Place, author: Author) -> bool:
        """Stop the answer that is being written; False if there is none."""

    async def give_again(self, reply: Reply, *, begun: str = "") -> None:
        """Give a reply that the journal has reopened, going on from what was `begun`."""

    async def hide(self, reply: Reply) -> bool:
        """Take back the messages of a reply; False if the platform did not take that."""


class ConversationControl:
    """The handlers of all commands about replies. Each says so when it no longer applies."""

    def __init__(
        self, conversations: Conversing, replies: ReplyStore, feedback: FeedbackStore
    ) -> None:
        self._conversations = conversations
        self._replies = replies
        self._feedback = FeedbackControl(replies, feedback)

    def handlers(self) -> dict[tuple[str, ...], Handler]:
        """By the path of the command."""
        return {
            ("stop",): self.stop,
            ("regenerate",): self.regenerate,
            ("continue",): self.go_on,
            ("earlier",): self.earlier,
            ("undo",): self.undo,
            ("reset",): self.reset,
            **self._feedback.handlers(),
        }

    async def stop(self, call: Call, arguments: Mapping[str, Given]) -> Response:  # noqa: ARG002
        """Stop what is being written; a button stops its own reply alone."""
        current = self._conversations.current(call.place)
        if current is None or call.reply_id not in (None, current.id):
            raise refusal("conversation.not_writing", call.locale)
        authorise(call, BY_PATH["stop",], await self._replies.record(current.id))
        if not await self._conversations.stop(call.place, call.author):
            raise refusal("conversation.not_writing", call.locale)
        return Response(say("conversation.stopping", call.locale))

    async def regenerate(self, call: Call, arguments: Mapping[str, Given]) -> Response:  # noqa: ARG002
        """Write another answer into the same messages; the earlier one is kept."""
        record = await self._newest(call, "regenerate")
        await self._again(call, await self._replies.reopen(record.reply_id, call.author.id))
        return Response(say("conversation.regenerating", call.locale))

    async def go_on(self, call: Call, arguments: Mapping[str, Given]) -> Response:  # noqa: ARG002
        """Append to an answer that was cut at its greatest length."""
        record = await self._newest(call, "continue")
        answer = shown(record)
        if answer is None or not can_continue(record):
            raise refusal("conversation.not_cut", call.locale)
        reply = await self._replies.reopen(record.reply_id, call.author.id)
        await self._again(call, reply, begun=answer.text)
        return Response(say("conversation.continuing", call.locale))

    async def earlier(self, call: Call, arguments: Mapping[str, Given]) -> Response:  # noqa: ARG002
        """Bring the answer before the one shown back; before the first comes the last."""
        record = await self._newest(call, "earlier")
        numbers = [answer.number for answer in record.alternatives]
        if len(numbers) < 2:
            raise refusal("conversation.only_one", call.locale)
        number = max((n for n in numbers if n < record.shown), default=max(numbers))
        await self._again(call, await self._replies.choose(record.reply_id, number))
        return Response(say("conversation.earlier", call.locale, number=number, count=len(numbers)))

    async def undo(self, call: Call, arguments: Mapping[str, Given]) -> Response:  # noqa: ARG002
        """Take the last exchange out, and the bot's messages away."""
        record = await self._replies.newest_record(call.place)
        if record is None:
            raise refusal("conversation.nothing_to_undo", call.locale)
        authorise(call, BY_PATH["undo",], record)
        if (about := await self._chosen(call)) is not None and about.reply_id != record.reply_id:
            raise refusal("conversation.moved_on", call.locale)
        await self._settled(record)
        undone = await self._replies.undo(call.place)
        if undone is None:
            raise refusal("conversation.still_writing", call.locale)
        hidden = await self._conversations.hide(undone)
        key = "conversation.undone" if hidden else "conversation.undone_visible"
        return Response(say(key, call.locale))

    async def reset(self, call: Call, arguments: Mapping[str, Given]) -> Response:  # noqa: ARG002
        """Begin a new conversation, with who waits; the old one stays in the archive."""
        await self._chosen(call)
        waiting = self._conversations.behind(call.place)
        turns = await self._replies.reset(call.place, waiting.id if waiting else None)
        key = "conversation.reset" if turns else "conversation.reset_empty"
        return Response(say(key, call.locale, turns=turns))

    async def _chosen(self, call: Call) -> Record | None:
        """The reply of the message whose menu was used, if one was. Refused if it has none."""
        if call.message_id is None:
            return None
        record = await self._replies.record_of_message(call.place, call.message_id)
        if record is None:
            raise refusal("control.no_reply", call.locale)
        return record

    async def _newest(self, call: Call, command: str) -> Record:
        """The reply that is meant, if the conversation still ends with it."""
        if call.reply_id is None:
            record = await self._replies.newest_record(call.place)
        else:
            record = await self._replies.record(call.reply_id)
        if record is None or record.place.id != call.place.id:
            raise refusal("conversation.no_answer", call.locale)
        authorise(call, BY_PATH[command,], record)
        record = await self._settled(record)
        if not record.state.ended:
            raise refusal("conversation.still_writing", call.locale)
        if not record.newest:
            raise refusal("conversation.moved_on", call.locale)
        return record

    async def _settled(self, record: Record) -> Record:
        """The reply once it has ended, if its text stands already and only that is left to do.

        People press the buttons below an answer faster than the journal has noted its ending.
        """
        if record.state is not ReplyState.DELIVERING:
            return record
        with suppress(TimeoutError):
            async with asyncio.timeout(MOMENT):
                await self._conversations.over(record.reply_id)
        return await self._replies.record(record.reply_id) or record

    async def _again(self, call: Call, reply: Reply | None, *, begun: str = "") -> None:
        if reply is None:  # somebody was faster
            raise refusal("conversation.moved_on", call.locale)
        asked_in = replace(reply, locale=call.locale)
        await self._conversations.give_again(asked_in, begun=begun)
