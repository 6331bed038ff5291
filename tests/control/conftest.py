"""A control room over a real database, with two models that are there already."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.control.bounds import Bounds
from bot.control.ports import Handler
from bot.control.records import Origin
from bot.control.response import Button, Call, Given, Response, pressed
from bot.control.room import ControlRoom
from bot.controls import Steering
from bot.engines import Engine, Engines
from bot.engines.ready import Ready
from bot.prompt.builder import PromptBuilder
from bot.prompt.formats import Llama2Format
from bot.prompt.tokenizer import Tokenizer
from bot.values import (
    Author,
    Finish,
    FinishReason,
    Inbound,
    Place,
    Prompt,
    ReplyState,
    Sampling,
    Standing,
)
from storage import SqlStore, open_store, upgrade
from storage.records import SqlRecords
from tests.board import ScriptedGenerator

CHANNEL = Place("discord", "1", "2")
THREAD = Place("discord", "1", "2", "3")
OTHER = Place("discord", "1", "9")
DIRECT = Place("discord", "@me", "8", private=True)
ANN = Author("7", "Ann")
BOB = Author("8", "Bob")
ROBOT = Author("99", "Robot", Standing.BOT)
CHIEF = Author("9", "Chief", Standing.ADMIN)
OWNER = Author("10", "Owner", Standing.OWNER)

ABOUT_ANSWERS = ("stop", "regenerate", "continue", "earlier", "why", "rate", "prefer")
PROMPT = Prompt((1, 2), "[INST] hi [/INST]", None, 1, 0, messages=(("user", "hi"),))


@dataclass
class Desk:
    """The control room as an adapter has it, and what stands behind."""

    steering: Steering
    records: SqlRecords
    room: ControlRoom
    store: SqlStore
    acted: list[Call]
    clock: list[float]
    file: Path
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def use(
        self,
        command: str,
        author: Author = CHIEF,
        place: Place = CHANNEL,
        arguments: Mapping[str, Given] | None = None,
        **more: Any,
    ) -> Response:
        """Use a command as its name is written."""
        call = Call(tuple(command.split()), place, author, arguments=arguments or {}, **more)
        return await self.room.carry_out(call)

    async def press(
        self, button: Button, author: Author = CHIEF, place: Place = CHANNEL
    ) -> Response:
        """What an adapter does with a button's id, also after a restart."""
        read = pressed(button.id)
        assert read is not None
        call = Call(
            read.command,
            place,
            author,
            arguments=read.arguments,
            reply_id=read.reply_id,
            confirmed=read.confirmed,
        )
        return await self.room.carry_out(call)

    async def answered(
        self, author: Author = ANN, place: Place = CHANNEL, *, text: str = "hi", tokens: int = 10
    ) -> int:
        """A message with its answer, wholly given; the reply's id."""
        said = Inbound(place, author, text, f"m{next(self.numbers)}", datetime.now(UTC))
        reply = await self.store.claim(said)
        assert reply is not None
        finish = Finish(FinishReason.STOP, tokens, 5, seed=3)
        await self.store.complete(reply.id, "Hello.", finish, PROMPT, Origin("kind"))
        await self.store.end(reply.id, ReplyState.DELIVERED)
        return reply.id

    async def audit(self) -> list[tuple[str, str | None, str | None]]:
        """What was changed anywhere, the oldest first."""
        scopes = ("discord:1/2/3", "discord:1/2", "discord:1", "discord:@me/8", "discord:@me")
        found = await self.records.changes(scopes, limit=1000)
        return [(change.what, change.before, change.after) for change in reversed(found)]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqlStore]:
    url = f"sqlite:///{tmp_path / 'quipu.db'}"
    await upgrade(url)
    store = await open_store(url)
    yield store
    await store.close()


@pytest.fixture
async def engines(tokenizer: Tokenizer) -> AsyncIterator[Engines]:
    builder = PromptBuilder(Llama2Format(tokenizer), context=1024, reserve=256)
    sampling = Sampling(temperature=0.6)
    kind = Engine("kind", builder, ScriptedGenerator(), sampling, adapters=("gentle",))
    wild = Engine("wild", builder, ScriptedGenerator(), sampling)
    engines = Engines([Ready(kind), Ready(wild)])
    await engines.warm()
    yield engines
    await engines.close()


@pytest.fixture
def bounds() -> Bounds:
    return Bounds(presets={"Pirate": "You are a pirate.", "Teacher": "You teach."})


@pytest.fixture
def desk(store: SqlStore, engines: Engines, bounds: Bounds, tmp_path: Path) -> Desk:
    acted: list[Call] = []
    clock = [1000.0]

    async def act(call: Call, arguments: Mapping[str, Given]) -> Response:
        acted.append(call)
        return Response(f"{call.command[0]} {dict(arguments)}")

    records = SqlRecords(store.database)
    steering = Steering.of(bounds, store, records, engines, persona="You are kind.")
    names = (*ABOUT_ANSWERS, "undo", "reset")
    acting: dict[tuple[str, ...], Handler] = {(name,): act for name in names}
    room = steering.room(acting, clock=lambda: clock[0])
    return Desk(steering, records, room, store, acted, clock, tmp_path / "quipu.db")
