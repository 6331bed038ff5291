"""Two real models of which the memory holds one: it is left only when its answers are whole."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from bot.engines import Engine, Engines
from bot.engines.engine import Room
from bot.engines.local import LocalSource
from bot.engines.sources import sources
from bot.settings.reading import check
from bot.values import Persona, Place, Role, Turn
from tests.checkpoints import make_checkpoint
from tests.engines.machine import happened

PEOPLE = 4
PATIENCE = 60.0


class Talk:
    """One person's answer, of which the rest is read when all may `go`."""

    def __init__(self, number: int) -> None:
        self.place = Place("terminal", "here", str(number))
        self.turns = [Turn(1, Role.USER, f"Hello, I am number {number}.")]
        self.begun, self.go = asyncio.Event(), asyncio.Event()

    async def answer(self, engine: Engine) -> str:
        prompt = engine.builder.build(Persona("Be kind."), self.turns, names=False)
        pieces = []
        async for text in engine.generator.generate(prompt, engine.sampling, self.place):
            pieces.append(text)
            self.begun.set()
            await self.go.wait()
        return "".join(pieces)

    async def by(self, engines: Engines, title: str) -> str:
        async with engines.use(title) as engine:
            return await self.answer(engine)


@pytest.fixture
def two(tmp_path: Path) -> Engines:
    folders = [
        make_checkpoint(tmp_path / f"model{seed}", context=512, seed=seed) for seed in (1, 2)
    ]
    models = [{"name": str(folder), "device": "cpu", "dtype": "float32"} for folder in folders]
    sampling = {"max_new_tokens": 64, "temperature": 0}
    settings = check({"model": models[0], "models": models[1:], "sampling": sampling})
    return Engines(sources(settings))


async def test_running_answers_of_a_real_model_are_whole_before_another_takes_its_place(
    two: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    talks = [Talk(number) for number in range(PEOPLE)]
    alone = [Talk(number) for number in range(PEOPLE)]
    asked, measured = threading.Event(), LocalSource.room

    def tight(source: LocalSource) -> Room | None:
        if two.loaded:
            asked.set()
        room = measured(source)
        return room and replace(room, needs=1, total=1, free=0 if two.loaded else 1)

    monkeypatch.setattr(LocalSource, "room", tight)
    for talk in alone:
        talk.go.set()
    try:
        async with asyncio.timeout(PATIENCE):
            whole = [await talk.by(two, "model1") for talk in alone]
            running = [asyncio.create_task(talk.by(two, "model1")) for talk in talks]
            for talk in talks:
                await talk.begun.wait()
            other = asyncio.create_task(alone[0].by(two, "model2"))
            assert await happened(asked)
            late = asyncio.create_task(alone[1].by(two, "model1"))
            assert list(two.loaded) == ["model1"]
            for talk in talks:
                talk.go.set()
            assert await asyncio.gather(*running) == whole
            assert await other not in whole
            assert await late == whole[1]
            assert len(two.loaded) == 1
    finally:
        await two.close()
