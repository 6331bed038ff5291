"""Whatever people do, in any order: one answer for each exchange, and no alternative is lost."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.errors import GenerationError, Refused
from bot.reply.messages import MARKER
from bot.values import FinishReason, Place, Role
from tests.board import ScriptedGenerator, Step
from tests.conversation.conftest import ANN, Build, House

PLACES = itertools.count(1000)
MESSAGES = itertools.count(10_000)

STEPS = st.lists(
    st.sampled_from(
        ["say", "regenerate", "earlier", "continue", "undo", "reset", "halt", "break", "crash"]
    ),
    min_size=3,
    max_size=14,
)


class Model:
    """Numbers its answers; every third is cut, and one may break or wait to be stopped."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.breaks = False
        self.waits = False

    def __call__(self, _: object) -> list[Step]:
        number = next(self.numbers)
        if self.breaks:
            return ["broken", GenerationError("as asked")]
        if self.waits:
            return [f"Half {number}", asyncio.Event()]
        ending = FinishReason.LENGTH if number % 3 == 1 else FinishReason.STOP
        return [f"Answer {number}", ".", ending]


async def try_to(use: Callable[[], Awaitable[object]]) -> None:
    """What no longer applies is refused in words, and changes nothing."""
    with suppress(Refused):
        await use()


@dataclass
class Play:
    """One conversation at a Place of its own, and every answer that was ever seen in it."""

    build: Build
    house: House
    place: Place
    model: Model
    known: dict[int, list[str]] = field(default_factory=dict)

    async def do(self, step: str) -> None:
        self.model.breaks = step == "break"
        if step == "crash":
            await self.crash()
        elif step == "halt":
            await self.halt()
        elif step == "say":
            await self.house.say("more", ANN, self.place, message_id=str(next(MESSAGES)))
        else:
            command = "regenerate" if step == "break" else step
            await try_to(lambda: self.house.use(command, ANN, self.place))
        await self.house.idle()
        await self.check()

    async def crash(self) -> None:
        """Another answer is asked for, and the program ends before it comes."""
        await try_to(lambda: self.house.use("regenerate", ANN, self.place))
        await self.house.conversations.drain(0.0)
        self.house = await self.build(ScriptedGenerator(self.model))
        await self.house.conversations.recover(self.house.board)

    async def halt(self) -> None:
        """Another answer is asked for, everything else is tried, and it is stopped."""
        self.model.waits = True
        with suppress(Refused):
            await self.house.use("regenerate", ANN, self.place)
            texts = self.house.board.texts
            await self.house.board.until(
                lambda: any(text.endswith(MARKER) for text in self.house.board.texts)
            )
            assert len(self.house.board.texts) == len(texts)
            for command in ("regenerate", "earlier", "continue", "undo"):
                with pytest.raises(Refused):
                    await self.house.use(command, ANN, self.place)
            await self.house.use("stop", ANN, self.place)
        self.model.waits = False

    async def check(self) -> None:
        """One answer to every question of the conversation, and all alternatives so far."""
        turns = await self.house.turns(self.place)
        roles = [turn.role for turn in turns]
        assert roles == [Role.USER, Role.ASSISTANT] * (len(roles) // 2)
        record = await self.house.records.newest_record(self.place)
        if record is not None:
            self.known.setdefault(record.reply_id, [])
            shown = {answer.number: answer.text for answer in record.alternatives}
            assert turns[-1].text == record.text == shown[record.shown]
        for reply_id, texts in self.known.items():
            kept = await self.house.records.record(reply_id)
            assert kept is not None
            now = [answer.text for answer in kept.alternatives]
            assert now[: len(texts)] == texts
            self.known[reply_id] = now


@pytest.mark.slow
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
async def test_any_order_keeps_one_answer_for_each_exchange(build: Build, steps: list[str]) -> None:
    model = Model()
    house = await build(ScriptedGenerator(model))
    house.conversations.attach(house.board)
    play = Play(build, house, Place("discord", "1", str(next(PLACES))), model)
    for step in ["say", *steps]:
        await play.do(step)
    await play.house.conversations.drain(10.0)
