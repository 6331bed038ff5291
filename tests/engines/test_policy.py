"""Which model leaves, when, and that no running answer is ever cut."""

from __future__ import annotations

import asyncio
import random
from contextlib import AsyncExitStack

import pytest

from bot.control.words import told
from bot.engines import Engines
from bot.errors import Busy, ModelLoadError
from tests.board import PATIENCE
from tests.engines.conftest import Make, Start
from tests.engines.machine import Machine, WatchedGenerator, happened


async def visit(engines: Engines, title: str) -> WatchedGenerator:
    async with engines.use(title) as engine:
        assert isinstance(engine.generator, WatchedGenerator)
        assert not engine.generator.closed
        return engine.generator


async def test_a_model_leaves_when_nobody_used_it_for_its_idle_time(
    model: Make, start: Start
) -> None:
    one = model("one", idle=0.01)
    engines = start(one)
    async with engines.use("one"):
        assert one.machine.used == 60
    assert await happened(one.left)
    assert one.machine.used == 0
    await visit(engines, "one")
    assert one.loads == 2


async def test_a_model_in_use_is_never_idle(model: Make, start: Start) -> None:
    one, two = model("one", idle=0.01, size=1), model("two", idle=0.01, size=1)
    engines = start(one, two)
    async with engines.use("one") as engine:
        await visit(engines, "two")
        assert await happened(two.left)  # as long a time has passed for the other one
        assert isinstance(engine.generator, WatchedGenerator)
        assert not engine.generator.closed
    assert await happened(one.left)


async def test_the_idle_model_that_was_used_least_recently_makes_room(
    model: Make, start: Start, machine: Machine
) -> None:
    one, two, three = (model(title, size=40) for title in ("one", "two", "three"))
    engines = start(one, two, three)
    for title in ("one", "two", "one", "three"):
        await visit(engines, title)
    assert list(engines.loaded) == ["one", "three"]
    assert (machine.used, machine.most) == (80, 80)
    await visit(engines, "two")
    assert list(engines.loaded) == ["two", "three"]


async def test_an_idle_model_goes_before_one_in_use(model: Make, start: Start) -> None:
    one, two, three = (model(title, size=40) for title in ("one", "two", "three"))
    engines = start(one, two, three)
    async with engines.use("one") as engine:
        await visit(engines, "two")
        await visit(engines, "three")
        assert engines.loaded["one"] is engine
    assert list(engines.loaded) == ["one", "three"]


async def test_a_model_in_use_makes_room_once_its_answers_have_ended(
    model: Make, start: Start, machine: Machine
) -> None:
    one, two = model("one"), model("two")
    engines = start(one, two)
    async with AsyncExitStack() as held:
        engine = await held.enter_async_context(engines.use("one"))
        waiting = asyncio.create_task(visit(engines, "two"))
        assert await happened(two.asked)
        late = asyncio.create_task(visit(engines, "one"))
        assert engines.loaded == {"one": engine}
        assert not waiting.done()
    async with asyncio.timeout(PATIENCE):
        await waiting
        await late
    assert two.loads == 1
    assert machine.most == 60


async def test_patience_has_an_end_and_then_everything_is_as_before(
    model: Make, start: Start
) -> None:
    one, two = model("one"), model("two")
    engines = start(one, two, patience=0.01)
    async with engines.use("one") as engine:
        with pytest.raises(Busy) as caught:
            await visit(engines, "two")
        assert "has to wait" in told(caught.value, "")
        assert await visit(engines, "one") is engine.generator
    await visit(engines, "two")
    assert list(engines.loaded) == ["two"]


async def test_a_model_that_could_never_fit_sends_nobody_away(model: Make, start: Start) -> None:
    giant = model("giant", size=1000, failures=[ModelLoadError("does not fit")])
    engines = start(model("one"), giant)
    await visit(engines, "one")
    with pytest.raises(ModelLoadError, match="does not fit"):
        await visit(engines, "giant")
    assert list(engines.loaded) == ["one"]


@pytest.mark.parametrize("device", ["there", ""])
async def test_a_model_elsewhere_does_not_compete(model: Make, start: Start, device: str) -> None:
    engines = start(model("one"), model("two", device=device))
    await visit(engines, "one")
    await visit(engines, "two")
    assert list(engines.loaded) == ["one", "two"]


async def test_loading_anew_waits_for_running_answers(model: Make, start: Start) -> None:
    one = model("one")
    engines = start(one)
    async with AsyncExitStack() as held:
        await held.enter_async_context(engines.use("one"))
        renewing = asyncio.create_task(engines.reload("one"))
        visiting = asyncio.create_task(visit(engines, "one"))
        await asyncio.wait({renewing, visiting}, timeout=0.01)
        assert not one.generators[0].closed
    await renewing
    assert [generator.closed for generator in one.generators] == [True, False]
    assert await visiting is engines.loaded["one"].generator
    assert one.loads == 2


async def test_a_model_that_cannot_be_loaded_anew_says_so(model: Make, start: Start) -> None:
    one = model("one")
    engines = start(one)
    await visit(engines, "one")
    one.failures.append(ModelLoadError("half a file"))
    with pytest.raises(ModelLoadError, match="half a file"):
        await engines.reload("one")
    assert engines.loaded == {}


@pytest.mark.parametrize("seed", range(3))
async def test_however_they_come_and_go_memory_suffices_and_all_are_served(
    model: Make, start: Start, machine: Machine, seed: int
) -> None:
    chance = random.Random(seed)
    models = [model(f"m{n}", size=chance.choice([20, 40, 60, 100])) for n in range(5)]
    engines = start(*models)

    async def talk(choices: list[str]) -> int:
        for title in choices:
            async with engines.use(title) as engine:
                assert isinstance(engine.generator, WatchedGenerator)
                for _ in range(3):
                    await asyncio.sleep(0)
                    assert not engine.generator.closed
        return len(choices)

    wishes = [chance.choices(engines.titles, k=8) for _ in range(8)]
    async with asyncio.timeout(PATIENCE * 3):
        assert sum(await asyncio.gather(*map(talk, wishes))) == 64
    assert machine.most <= machine.total
