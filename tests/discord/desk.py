"""A Control that answers what it was told to answer, and the habits of Places, in memory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from bot.control.records import Behaviour
from bot.control.response import Call, Response
from bot.control.words import say
from bot.errors import QuipuError
from bot.values import Place

Reaction = Callable[[Call], Awaitable[Response]]


@dataclass
class Desk:
    """Writes down every call. A command without an answer of its own is confirmed by its name."""

    calls: list[Call] = field(default_factory=list)
    answers: dict[tuple[str, ...], Response | Reaction] = field(default_factory=dict)
    values: list[tuple[str, str]] = field(default_factory=list)
    typed: list[tuple[Call, str, str]] = field(default_factory=list)
    failure: Exception | None = None
    kept: dict[str, Place] = field(default_factory=dict)
    """Where each message was kept, by its id."""

    async def carry_out(self, call: Call) -> Response:
        self.calls.append(call)
        if self.failure is not None:
            raise self.failure
        answer = self.answers.get(call.command, Response(f"{' '.join(call.command)}: done"))
        return answer if isinstance(answer, Response) else await answer(call)

    async def options(self, call: Call, argument: str, typed: str) -> list[tuple[str, str]]:
        self.typed.append((call, argument, typed))
        if self.failure is not None:
            raise self.failure
        return self.values

    async def newest_place(self, channel: Place, person: str) -> Place | None:  # noqa: ARG002
        return None

    async def place_of_message(self, places: Sequence[Place], message_id: str) -> Place | None:
        place = self.kept.get(message_id)
        return place if place in places else None

    def say(self, key: str, locale: str, **values: object) -> str:
        return say(key, locale, **values)


@dataclass
class Habits:
    """How each Place is answered; like everywhere unless it is named."""

    everywhere: Behaviour = field(default_factory=Behaviour)
    places: dict[str, Behaviour] = field(default_factory=dict)
    failure: QuipuError | None = None

    async def behaviour(self, place: Place) -> Behaviour:
        if self.failure is not None:
            raise self.failure
        return self.places.get(place.id, self.everywhere)
