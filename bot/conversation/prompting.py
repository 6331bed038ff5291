"""What a reply answers, and how its Place wants that answered, as a prompt."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from bot.control.ports import Behaviours
from bot.control.words import say
from bot.conversation.earlier import Earlier
from bot.conversation.life import Life
from bot.errors import Refused, TooLong
from bot.ports import Personas, Store
from bot.prompt.builder import PromptBuilder
from bot.values import Prompt, Reply, Role


class Prompting:
    """Makes prompts of what was said; what no longer fits leaves the conversation's window."""

    def __init__(self, store: Store, personas: Personas, behaviours: Behaviours) -> None:
        self._store = store
        self._personas = personas
        self._behaviours = behaviours

    async def prompt(
        self, reply: Reply, past: Earlier, builder: PromptBuilder, life: Life
    ) -> Prompt:
        """The prompt of a reply that goes on from what is `begun`, if anything is."""
        turns = await self._store.history(reply.place, reply.id)
        before = await self._store.left_out(reply.place, reply.id)
        life.asked(turns)
        if not turns or turns[-1].role is not Role.USER:
            raise Refused("the message is gone", key="conversation.question_gone")
        persona = await self._personas.show(reply.place, reply.author)
        behaviour = await self._behaviours.behaviour(reply.place)
        names = behaviour.names and not reply.place.private
        # Encoding a long history takes milliseconds that the event loop does not have.
        words = persona if persona.text else None
        try:
            prompt = await asyncio.to_thread(
                builder.build, words, turns, names=names, begun=past.begun
            )
        except TooLong as error:
            if error.key or not past.begun:
                raise
            notice = say("conversation.too_long_to_continue", reply.locale)
            raise TooLong(str(error), notice=notice) from error
        dropped = before + prompt.dropped
        if prompt.first_kept:
            first = turns[prompt.first_kept].id
            await self._store.keep_from(reply.place, first, reply_id=reply.id, dropped=dropped)
        return replace(prompt, dropped=dropped)
