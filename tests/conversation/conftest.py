"""A house with a real database, a board as its platform and a scripted generator."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.control.authority import authorise
from bot.control.buttons import ReplyButtons
from bot.control.commands import BY_PATH
from bot.control.conversation import ConversationControl
from bot.control.ports import Gate
from bot.control.records import Record
from bot.control.response import Call, Given, Response
from bot.conversation import keeping
from bot.conversation.admission import OpenGate
from bot.conversation.answering import Answering
from bot.conversation.conversations import Conversations
from bot.conversation.personas import PersonaBook
from bot.engines import Engine, Engines
from bot.engines.engine import Source
from bot.engines.ready import Ready
from bot.operation.facts import UNOBSERVED, Observer
from bot.prompt.builder import PromptBuilder
from bot.prompt.formats import Llama2Format
from bot.prompt.tokenizer import Tokenizer
from bot.values import Author, Choice, Inbound, Persona, Place, Sampling, Standing, Turn
from storage import SqlStore, open_store, upgrade
from storage.records import SqlRecords
from tests.board import PATIENCE, Board, ScriptedGenerator

CHANNEL = Place("discord", "1", "2")
THREAD = Place("discord", "1", "2", "3")
OTHER = Place("discord", "1", "9")
DIRECT = Place("discord", "@me", "8", private=True)
ANN = Author("7", "Ann")
BOB = Author("8", "Bob")
CHIEF = Author("9", "Chief", Standing.ADMIN)


@dataclass
class ChosenHere:
    """What tests chose, by Place."""

    by_place: dict[Place, Choice] = field(default_factory=dict)

    async def choice(self, place: Place) -> Choice:
        return self.by_place.get(place, Choice())


@dataclass
class House:
    """One run of the program; a second one on the same file is a restart."""

    store: SqlStore
    board: Board
    generator: ScriptedGenerator
    conversations: Conversations
    personas: PersonaBook
    choices: ChosenHere
    records: SqlRecords
    control: ConversationControl
    engines: Engines
    file: Path
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(100))

    async def say(
        self, text: str, author: Author = ANN, place: Place = CHANNEL, message_id: str = ""
    ) -> str:
        """Somebody writes; returns the id of the message."""
        message_id = message_id or str(next(self.numbers))
        message = Inbound(place, author, text, message_id, datetime.now(UTC))
        await self.conversations.accept(message)
        return message_id

    async def use(
        self, command: str, author: Author = ANN, place: Place = CHANNEL, **given: Given
    ) -> Response:
        """Somebody uses a command about the newest reply, or about the one `reply_id` names.

        With `message_id` it is chosen from the menu of a message.
        """
        number, menu = given.pop("reply_id", None), given.pop("message_id", None)
        reply_id = None if number is None else int(number)
        message_id = None if menu is None else str(menu)
        call = Call(
            (command,), place, author, arguments=given, reply_id=reply_id, message_id=message_id
        )
        authorise(call, BY_PATH[call.command], await self.records.record(reply_id or 0))
        return await self.control.handlers()[call.command](call, given)

    async def newest(self, place: Place = CHANNEL) -> Record:
        """The newest reply of a conversation, which there is."""
        record = await self.records.newest_record(place)
        assert record is not None
        return record

    async def idle(self) -> None:
        """Wait until nobody writes any more; the house stays open."""
        async with asyncio.timeout(PATIENCE):
            await self.conversations.settled()

    async def turns(self, place: Place = CHANNEL) -> list[Turn]:
        """Everything saved of a conversation."""
        return await self.store.history(place, 1_000_000)

    async def quiet(self, answers: int) -> None:
        """Wait until so many replies have ended and nobody writes any more."""
        await self.board.until(
            lambda: len(self.generator.answers) >= answers and self.board.open_replies == 0
        )
        await self.conversations.drain(10.0)


Build = Callable[..., Awaitable[House]]


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept beside an answer stands before more of it is shown, however slow the disk."""
    monkeypatch.setattr(keeping, "MOMENT", PATIENCE)


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'quipu.db'}"


@pytest.fixture
async def build(tokenizer: Tokenizer, database: str) -> AsyncIterator[Build]:
    """Makes houses, all on the same database file and the same board unless told otherwise."""
    board = Board()
    async with AsyncExitStack() as closing:

        async def make(
            script: ScriptedGenerator | None = None,
            *,
            waiting: int = 8,
            resume_within: timedelta = timedelta(minutes=10),
            first_message: int = 100,
            sources: Sequence[Source] = (),
            gate: Gate | None = None,
            patience: float = 3600.0,
            observer: Observer = UNOBSERVED,
            sampling: Sampling | None = None,
            greedy: bool = False,
        ) -> House:
            await upgrade(database)
            store = await open_store(database)
            closing.push_async_callback(store.close)
            generator = script or ScriptedGenerator()
            builder = PromptBuilder(Llama2Format(tokenizer), context=1024, reserve=256)
            engine = Engine(
                "kind",
                builder,
                generator,
                sampling or Sampling(),
                adapters=("gentle",),
                greedy=greedy,
            )
            engines, choices = Engines.single(engine), ChosenHere()
            if sources:
                engines = Engines([Ready(engine), *sources])
                closing.push_async_callback(engines.close)
            personas = PersonaBook(store, engines, choices, Persona("You are kind."))
            records = SqlRecords(store.database)
            answering = Answering(
                store,
                engines,
                choices,
                personas,
                journal_interval=0.0,
                patience=patience,
                records=records,
                buttons=ReplyButtons(records),
                behaviours=gate or OpenGate(),
                observer=observer,
            )
            conversations = Conversations(
                store,
                answering,
                waiting=waiting,
                resume_within=resume_within,
                gate=gate,
                patience=patience,
                observer=observer,
            )
            control = ConversationControl(conversations, records, records)
            closing.push_async_callback(conversations.drain, 0.0)
            numbers = itertools.count(first_message)
            file = Path(database.partition("///")[2])
            return House(
                store,
                board,
                generator,
                conversations,
                personas,
                choices,
                records,
                control,
                engines,
                file,
                numbers,
            )

        yield make


@pytest.fixture
async def house(build: Build) -> House:
    made = await build()
    made.conversations.attach(made.board)
    return made
