"""Who may use which command, found out by carrying out each of them on a real control room."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from bot.app import Core, compose
from bot.control.commands import COMMANDS
from bot.control.declarations import Command, Target
from bot.control.place_settings import ACCESS
from bot.control.response import Call, Given
from bot.engines import Engine, Engines
from bot.engines.ready import Ready
from bot.errors import Forbidden, Refused
from bot.prompt.builder import PromptBuilder
from bot.prompt.formats import Llama2Format
from bot.prompt.tokenizer import SentencePieceTokenizer
from bot.settings import Settings
from bot.values import Author, FinishReason, Inbound, Place, Sampling
from storage import open_store, upgrade
from storage.records import SqlRecords
from tests.board import PATIENCE, Board, ScriptedGenerator
from tests.control.vouched import ROLES, Role, vouched
from tests.pieces import train_pieces

PLATFORMS = tuple(ROLES)

GIVEN: Mapping[str, Mapping[str, Given]] = {
    "rate": {"score": "up"},
    "prefer": {"answer": 1},
    "privacy.feedback": {"use": False},
    "persona.set": {"text": "You are a cook."},
    "persona.restore": {"version": 1},
    "model": {"model": "kind"},
    "adapter": {"adapter": "gentle"},
    "sampling": {"temperature": 1.0},
    "answers": {"bots": True},
    "access.allow": {"person": "5"},
    "access.deny": {"person": "5"},
    "access.remove": {"person": "5"},
    "limits": {"person_messages": 5},
    "retention": {"retention": 9},
    "inherit": {"setting": "temperature"},
}
CONVERSING = {"undo", "reset"}
"""Commands about a conversation, besides those about replies."""

Rows = list[tuple[str, Command, Mapping[str, Given]]]


@dataclass
class Town:
    """A platform; every use of a command has a workspace of its own there."""

    core: Core
    records: SqlRecords
    generator: ScriptedGenerator
    board: Board
    platform: str
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def allows(
        self, command: Command, given: Mapping[str, Given], role: Role, by: Call
    ) -> bool:
        """Whether it was carried out; what was refused for another reason is a mistake here.

        `by` is such a person as the adapter knows them, who is somebody new here each time.
        """
        number = next(self.numbers)
        place = replace(by.place, channel=f"c{number}")
        if not role.private:
            place = replace(place, workspace=f"{place.workspace}x{number}")
        caller = replace(by.author, id=f"{number}-1")
        asker = caller if role.own else Author(f"{number}-2", "Asker")
        await self._prepare(command, place, asker)
        if role.denied:
            lists = {"allow": [], "deny": [f"person:{caller.id}"]}
            scope = place.scopes[0 if role.denied == "channel" else -1]
            await self.records.set_settings(scope, {ACCESS: lists}, caller)
        call = Call(command.path, place, caller, arguments=given)
        try:
            answer = await self.core.control.carry_out(call)
            if command.confirm:
                answer = await self.core.control.carry_out(replace(call, confirmed=True))
        except Forbidden:
            return False
        except Refused:
            assert role.private
            assert given.get("where") == "workspace"
            return False
        finally:
            await self._end(place, asker)
        assert answer.text
        return True

    async def _prepare(self, command: Command, place: Place, asker: Author) -> None:
        """What the command needs in order to work: an answer, or another one, or a persona."""
        if command.name == "stop":
            await self._ask(place, asker, ["Once upon ", asyncio.Event()])
            await self.board.until(lambda: any(m.place == place for m in self.board.posted))
        elif command.target is Target.REPLY or command.name in CONVERSING:
            await self._ask(place, asker, ["One.", FinishReason.LENGTH])
            await self._settled()
            self.generator.script = lambda _: ["Two.", FinishReason.LENGTH]
            record = await self.records.newest_record(place)
            assert record is not None
            again = await self.records.reopen(record.reply_id, asker.id)
            assert again is not None
            await self.core.conversations.give_again(again)
            await self._settled()
        elif command.name == "persona restore":
            scope = place.scopes[0]
            await self.core.store.set_persona(scope, "You are a cook.", asker)

    async def _ask(
        self, place: Place, asker: Author, steps: list[str | asyncio.Event | FinishReason]
    ) -> None:
        self.generator.script = lambda _: steps
        said = Inbound(place, asker, "hello", f"m-{place.channel}", datetime.now(UTC))
        assert await self.core.conversations.accept(said)

    async def _end(self, place: Place, asker: Author) -> None:
        if self.core.conversations.current(place) is not None:
            await self.core.conversations.stop(place, asker)
        await self._settled()

    async def _settled(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self.core.conversations.settled()


def uses() -> Rows:
    """Every command; those that may be for the whole workspace once more for that."""
    found: Rows = []
    for command in COMMANDS:
        given = GIVEN.get(command.key, {})
        found.append((f"`{command.name}`", command, given))
        if any(argument.name == "where" for argument in command.arguments):
            wide = {**given, "where": "workspace"}
            found.append((f"`{command.name}` with `where` workspace", command, wide))
    return found


async def table() -> str:
    """The whole table in Markdown, a part for each platform."""
    parts = []
    with tempfile.TemporaryDirectory(prefix="quipu-table-") as folder:
        for platform in PLATFORMS:
            async with town(platform, Path(folder)) as made:
                rows = [line async for line in _rows(made)]
            head = _head(platform)
            parts.append("\n".join([f"### On {platform.capitalize()}\n", *head, *rows, ""]))
    return "\n".join(parts)


@asynccontextmanager
async def town(platform: str, folder: Path) -> AsyncIterator[Town]:
    """The whole house but for the platform and the model."""
    url = f"sqlite:///{folder / platform}.db"
    await upgrade(url)
    store = await open_store(url)
    pieces = folder / f"{platform}.model"
    pieces.write_bytes(train_pieces())
    builder = PromptBuilder(Llama2Format(SentencePieceTokenizer(pieces)), context=1024, reserve=256)
    generator, board = ScriptedGenerator(), Board(platform)
    kind = Engine("kind", builder, generator, Sampling(), adapters=("gentle",))
    engines = Engines([Ready(kind)])
    core = compose(Settings(), store, engines)
    await engines.warm()
    core.conversations.attach(board)
    try:
        yield Town(core, SqlRecords(store.database), generator, board, platform)
    finally:
        await core.conversations.drain(0.0)
        await engines.close()
        await store.close()


def _head(platform: str) -> Iterator[str]:
    titles = [role.title for role in ROLES[platform]]
    yield _line("Command", titles)
    yield _line("---", [":-:"] * len(titles))


async def _rows(made: Town) -> AsyncIterator[str]:
    people = await vouched(made.platform)
    for title, command, given in uses():
        allowed = [
            await made.allows(command, given, role, people[role.title])
            for role in ROLES[made.platform]
        ]
        yield _line(title, ["✓" if each else "–" for each in allowed])


def _line(title: str, cells: Iterable[str]) -> str:
    return f"| {' | '.join([title, *cells])} |"
