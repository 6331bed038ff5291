"""A house with a real database, a board as its platform and a scripted generator."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bot.conversation.answering import Answering
from bot.conversation.conversations import Conversations
from bot.conversation.personas import PersonaBook
from bot.prompt.builder import PromptBuilder
from bot.prompt.formats import Llama2Format
from bot.prompt.tokenizer import Tokenizer
from bot.values import Author, Inbound, Persona, Place, Sampling, Standing, Turn
from storage import SqlStore, open_store, upgrade
from tests.board import Board, ScriptedGenerator

CHANNEL = Place("discord", "1", "2")
THREAD = Place("discord", "1", "2", "3")
OTHER = Place("discord", "1", "9")
DIRECT = Place("discord", "@me", "8", private=True)
ANN = Author("7", "Ann")
BOB = Author("8", "Bob")
CHIEF = Author("9", "Chief", Standing.ADMIN)


@dataclass
class House:
    """One run of the program; a second one on the same file is a restart."""

    store: SqlStore
    board: Board
    generator: ScriptedGenerator
    conversations: Conversations
    personas: PersonaBook
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
        ) -> House:
            await upgrade(database)
            store = await open_store(database)
            closing.push_async_callback(store.close)
            generator = script or ScriptedGenerator()
            builder = PromptBuilder(Llama2Format(tokenizer), context=1024, reserve=256)
            personas = PersonaBook(store, builder, Persona("You are kind."))
            answering = Answering(
                store, generator, builder, personas, Sampling(), journal_interval=0.0
            )
            conversations = Conversations(
                store, answering, waiting=waiting, resume_within=resume_within
            )
            closing.push_async_callback(conversations.drain, 0.0)
            numbers = itertools.count(first_message)
            file = Path(database.partition("///")[2])
            return House(store, board, generator, conversations, personas, file, numbers)

        yield make


@pytest.fixture
async def house(build: Build) -> House:
    made = await build()
    made.conversations.attach(made.board)
    return made
