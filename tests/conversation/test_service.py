"""Connections that end in ways that nobody thought of: others take over, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from pathlib import Path

import pytest
import structlog

from bot import service
from bot.errors import ConfigError
from bot.operation.facts import ChoreFailed, Fact
from bot.ports import Outlet
from bot.reply.messages import MARKER
from bot.service import Service
from bot.values import Place
from tests.board import PATIENCE, Board, ScriptedGenerator
from tests.conversation.conftest import Build, House


class BoardConnection:
    """A connection to the board that ends with an error when it is told to."""

    platform = "discord"

    def __init__(self, board: Board) -> None:
        self.connected = False
        self.closed = False
        self._board = board
        self._error: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def outlet(self, place: Place, answering: str, beside: Collection[str] = ()) -> Outlet:
        return self._board.outlet(place, answering, beside)

    def breaks(self, error: Exception) -> None:
        self._error.set_exception(error)

    async def start(self) -> None:
        await self._board.changed()

    async def run(self) -> None:
        self.connected = True
        await self._board.changed()
        await self._error

    async def stop_listening(self) -> None:
        self.connected = False
        self._error.cancel()

    async def close(self) -> None:
        self.closed = True


class Lines:
    """Every connection that the service has made."""

    def __init__(self, board: Board) -> None:
        self.made: list[BoardConnection] = []
        self._board = board

    def __call__(self) -> BoardConnection:
        self.made.append(BoardConnection(self._board))
        return self.made[-1]

    async def up(self, count: int) -> None:
        await self._board.until(lambda: len(self.made) == count and self.made[-1].connected)


@pytest.fixture
async def house(build: Build, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(service, "LONGEST_WAIT", 0.1)
    return await build(ScriptedGenerator(lambda _: ["Once", asyncio.Event()]))


async def test_an_unforeseen_error_is_told_and_the_running_answer_goes_to_the_next_connection(
    house: House, tmp_path: Path
) -> None:
    lines = Lines(house.board)
    serving = Service(
        house.conversations, {"discord": lines}, heartbeat=tmp_path / "beat", deadline=1.0
    )
    with structlog.testing.capture_logs() as log:
        running = asyncio.create_task(serving.run())
        await lines.up(1)
        await house.say("a story")
        await house.board.until(lambda: house.board.texts == [f"Once{MARKER}"])
        house.generator.script = lambda _: ["Once upon a time."]
        lines.made[0].breaks(RuntimeError("nobody thought of this"))
        await lines.up(2)
        await house.board.until(lambda: house.board.texts == ["Once upon a time."])
        serving.stop()
        await asyncio.wait_for(running, PATIENCE)
    assert lines.made[0].closed
    [told] = [line for line in log if line["event"] == "not connected, trying again"]
    assert told["platform"] == "discord"
    assert isinstance(told["exc_info"], RuntimeError)


async def test_a_mistake_in_the_configuration_ends_it_and_leaves_the_answer_to_the_next_start(
    house: House, tmp_path: Path
) -> None:
    lines = Lines(house.board)
    serving = Service(
        house.conversations, {"discord": lines}, heartbeat=tmp_path / "beat", deadline=0.1
    )
    running = asyncio.create_task(serving.run())
    await lines.up(1)
    await house.say("a story")
    await house.board.until(lambda: house.board.texts == [f"Once{MARKER}"])
    lines.made[0].breaks(ConfigError("the token was taken back"))
    with pytest.raises(ConfigError):
        await asyncio.wait_for(running, PATIENCE)
    assert len(lines.made) == 1
    assert lines.made[0].closed
    assert len(await house.store.unfinished("discord")) == 1


async def test_work_in_the_background_that_fails_begins_again(house: House, tmp_path: Path) -> None:
    begun = asyncio.Queue[int]()

    async def chore() -> None:
        begun.put_nowait(1)
        if not facts:
            raise ValueError("a place that nobody can read")
        await asyncio.Event().wait()

    facts: list[Fact] = []

    class Notes:
        def note(self, fact: Fact) -> None:
            facts.append(fact)

    serving = Service(
        house.conversations,
        {"discord": Lines(house.board)},
        heartbeat=tmp_path / "beat",
        deadline=1.0,
        chores={"retention": chore},
        observer=Notes(),
    )
    with structlog.testing.capture_logs() as log:
        running = asyncio.create_task(serving.run())
        async with asyncio.timeout(PATIENCE):
            await begun.get()
            await begun.get()
        serving.stop()
        await asyncio.wait_for(running, PATIENCE)
    assert facts == [ChoreFailed("retention")]
    [told] = [line for line in log if line["event"] == "work in the background begins again"]
    assert (told["name"], type(told["exc_info"])) == ("retention", ValueError)
