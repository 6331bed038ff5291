"""A Control that keeps what it was asked, and answers what it is told to, if that is allowed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from bot.control.arguments import checked
from bot.control.authority import authorise
from bot.control.commands import BY_PATH
from bot.control.records import Behaviour
from bot.control.response import Call, Response
from bot.control.spelling import INHERIT
from bot.control.words import say
from bot.errors import QuipuError
from bot.values import Place

Answer = Response | QuipuError | Callable[[Call], Response]


@dataclass
class MemoryControl:
    """Calls in their order. A command without an answer is answered with its own name."""

    calls: list[Call] = field(default_factory=list)
    answers: dict[tuple[str, ...], Answer] = field(default_factory=dict)
    choices: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    held: asyncio.Event | None = None
    """While this is not set, nothing is answered."""
    newest: dict[str, Place] = field(default_factory=dict)
    """Where each person asked before the adapter was started."""
    kept: dict[str, Place] = field(default_factory=dict)
    """Where each message was kept, by its id."""

    async def carry_out(self, call: Call) -> Response:
        self.calls.append(call)
        command = BY_PATH[call.command]
        authorise(call, command)
        own = {name: value for name, value in call.arguments.items() if value != INHERIT}
        checked(command, own, call.locale, forms=True)
        if self.held is not None:
            await self.held.wait()
        answer = self.answers.get(call.command, Response(command.name))
        if isinstance(answer, QuipuError):
            raise answer
        return answer(call) if callable(answer) else answer

    async def options(self, call: Call, argument: str, typed: str) -> list[tuple[str, str]]:
        found = self.choices.get(argument, [])
        return [each for each in found if call.command and each[1].startswith(typed)]

    async def newest_place(self, channel: Place, person: str) -> Place | None:
        place = self.newest.get(person)
        return place if place and channel.id in place.scopes else None

    async def place_of_message(self, places: Sequence[Place], message_id: str) -> Place | None:
        place = self.kept.get(message_id)
        return place if place in places else None

    def say(self, key: str, locale: str, **values: object) -> str:
        return say(key, locale, **values)

    @property
    def last(self) -> Call:
        return self.calls[-1]


@dataclass
class MemoryBehaviours:
    """How every place is answered."""

    everywhere: Behaviour = field(default_factory=Behaviour)
    asked: list[str] = field(default_factory=list)
    failure: QuipuError | None = None

    async def behaviour(self, place: Place) -> Behaviour:
        self.asked.append(place.id)
        if self.failure is not None:
            raise self.failure
        return self.everywhere
