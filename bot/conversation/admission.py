"""Who is answered: the gate's word, a guard against bots that talk in circles, and no nagging."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

import structlog

from bot.control.ports import Gate
from bot.control.records import Admission, Behaviour
from bot.control.scopes import channel_scope
from bot.values import Inbound, Place, Standing

log = structlog.get_logger(__name__)

ANSWERS_TO_BOTS = 3
"""Answers in a row to bots while no person speaks; then a person must say something."""

ANSWERS_IN_CHANNEL = 10
"""The same over all conversations of a channel, in which several bots may have something to say."""

BREATH = 300.0
"""Seconds after which answers to bots in other threads of a channel are no longer in a row."""

QUIET = 300.0
"""Seconds in which the same person is not told again of the same reason at the same Place."""

REMEMBERED = 10_000

SILENCE = Admission(admitted=False)

Key = TypeVar("Key")
Value = TypeVar("Value")


class OpenGate:
    """Implements the Gate port where nobody can set anything: people who turn to the bot."""

    async def behaviour(self, place: Place) -> Behaviour:  # noqa: ARG002
        """The same everywhere."""
        return Behaviour()

    async def admit(self, inbound: Inbound) -> Admission:
        """Other bots are not answered."""
        return Admission(inbound.mentioned and inbound.author.standing is not Standing.BOT)


class Admissions:
    """Asks the gate once for each message."""

    def __init__(self, gate: Gate, clock: Callable[[], float] = time.monotonic) -> None:
        self._gate = gate
        self._clock = clock
        self._known = Recent[tuple[str, str], None]()
        self._told = Recent[tuple[str, str, str], float]()
        self._answers_to_bots = Recent[str, int]()
        self._in_channels = Recent[str, tuple[int, float]]()

    async def ask(self, inbound: Inbound) -> Admission:
        """Whether to answer; a notice is there only if it should be told now."""
        key = (inbound.place.id, inbound.message_id)
        if key in self._known:  # told of twice: the claim will notice
            return Admission()
        if inbound.author.standing is not Standing.BOT:
            self._answers_to_bots.pop(inbound.place.id, None)
            self._in_channels.pop(channel_scope(inbound.place), None)
        admission = await self._gate.admit(inbound)
        if not admission.admitted:
            return self._refused(inbound, admission)
        if not self._may_go_on(inbound):
            log.warning("no answer to bots without people", place=inbound.place.id)
            return SILENCE
        self._known[key] = None
        return admission

    def _refused(self, inbound: Inbound, admission: Admission) -> Admission:
        log.info(
            "message not admitted",
            place=inbound.place.id,
            author=inbound.author.id,
            reason=admission.reason,
        )
        if inbound.author.standing is Standing.BOT or not admission.notice:
            return SILENCE
        key = (inbound.place.id, inbound.author.id, admission.reason)
        told = self._told.get(key)
        if told is not None and self._clock() - told < QUIET:
            return SILENCE
        self._told[key] = self._clock()
        return admission

    def _may_go_on(self, inbound: Inbound) -> bool:
        """Counts answers to bots; whatever a person says ends the counting.

        Where each message opens a thread, none of the threads has many: the channel counts as well,
        though not for a bot that has something to say now and then.
        """
        if inbound.author.standing is not Standing.BOT:
            return True
        place, channel, now = inbound.place.id, channel_scope(inbound.place), self._clock()
        count = self._answers_to_bots.get(place, 0)
        around, latest = self._in_channels.get(channel, (0, now))
        around = around if now - latest < BREATH else 0
        if count >= ANSWERS_TO_BOTS or around >= ANSWERS_IN_CHANNEL:
            return False
        self._answers_to_bots[place] = count + 1
        self._in_channels[channel] = (around + 1, now)
        return True


class Recent(OrderedDict[Key, Value], Generic[Key, Value]):
    """A dictionary that forgets what was set longest ago."""

    def __setitem__(self, key: Key, value: Value) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > REMEMBERED:
            self.popitem(last=False)
