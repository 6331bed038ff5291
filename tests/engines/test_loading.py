"""A model comes when it is first used, once for all who wait, and says so if it cannot."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from bot.engines import Engine, Engines
from bot.errors import ConfigError, GenerationError, ModelLoadError
from bot.values import Persona
from tests.engines.conftest import Make, Start
from tests.engines.machine import Model, happened


async def title(engines: Engines, wanted: str) -> str:
    async with engines.use(wanted) as engine:
        return engine.title


async def test_a_model_is_loaded_when_it_is_first_used(model: Make, start: Start) -> None:
    one, two = model("one"), model("two", size=10)
    engines = start(one, two)
    assert (engines.titles, engines.default, engines.loaded) == (("one", "two"), "one", {})
    assert await title(engines, "two") == "two"
    assert (one.loads, two.loads) == (0, 1)
    assert list(engines.loaded) == ["two"]
    assert await title(engines, "two") == "two"
    assert two.loads == 1


async def test_whoever_comes_during_a_load_waits_for_the_same_one(
    model: Make, start: Start
) -> None:
    one = model("one")
    one.gate.clear()
    engines = start(one)
    tasks = [asyncio.create_task(title(engines, "one")) for _ in range(5)]
    assert await happened(one.asked)
    assert not any(task.done() for task in tasks)
    one.gate.set()
    assert await asyncio.gather(*tasks) == ["one"] * 5
    assert one.loads == 1


async def test_who_gives_up_does_not_take_the_load_from_the_others(
    model: Make, start: Start
) -> None:
    one = model("one")
    one.gate.clear()
    engines = start(one)
    tired, patient = (asyncio.create_task(title(engines, "one")) for _ in range(2))
    assert await happened(one.asked)
    tired.cancel()
    one.gate.set()
    assert await patient == "one"
    with pytest.raises(asyncio.CancelledError):
        await tired
    assert one.loads == 1


async def test_a_title_that_is_gone_means_the_default(model: Make, start: Start) -> None:
    engines = start(model("one"), model("two"))
    assert await title(engines, "three") == "one"
    assert await title(engines, "") == "one"


async def test_a_long_load_is_said_to_go_on(model: Make, start: Start) -> None:
    one = model("one")
    one.gate.clear()
    engines = start(one, progress=0.01)
    with structlog.testing.capture_logs() as logged:
        waiting = asyncio.create_task(title(engines, "one"))
        assert await happened(one.asked)
        while not any(line["event"] == "model still loading" for line in logged):
            await asyncio.wait({waiting}, timeout=0.01)
        one.gate.set()
        assert await waiting == "one"


async def test_adapters_are_known_before_a_model_is_loaded(model: Make, start: Start) -> None:
    engines = start(model("one"), model("two", adapters=("pirate", "poet")))
    assert (engines.adapters(), engines.adapters("two")) == ((), ("pirate", "poet"))
    assert engines.loaded == {}


async def test_a_load_that_fails_is_told_to_all_and_not_tried_again_at_once(
    model: Make, start: Start
) -> None:
    one = model("one", failures=[ModelLoadError("the disk is gone")])
    one.gate.clear()
    engines = start(one)
    tasks = [asyncio.create_task(title(engines, "one")) for _ in range(3)]
    assert await happened(one.asked)
    one.gate.set()
    for error in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(error, ModelLoadError)
        assert str(error) == "the disk is gone"
        assert "could not be loaded" in error.notice
    with pytest.raises(ModelLoadError, match="the disk is gone"):
        await title(engines, "one")
    assert one.loads == 1


async def test_a_load_that_failed_is_tried_again_later(model: Make, start: Start) -> None:
    one = model("one", failures=[ConfigError("not there yet")])
    engines = start(one, retry_after=0.0)
    with pytest.raises(ConfigError, match="not there yet"):
        await title(engines, "one")
    assert await title(engines, "one") == "one"
    assert one.loads == 2


async def test_what_nobody_thought_of_is_a_failed_load_as_well(model: Make, start: Start) -> None:
    engines = start(model("one", failures=[ZeroDivisionError("oh")]))
    with pytest.raises(ModelLoadError, match="unexpected ZeroDivisionError: oh"):
        await title(engines, "one")


async def test_only_warm_models_are_loaded_at_start(model: Make, start: Start) -> None:
    models = [model("one", warm=True, size=10), model("two", size=10), model("three", size=10)]
    models[2].warm = True
    engines = start(*models)
    await engines.warm()
    assert list(engines.loaded) == ["one", "three"]


async def test_a_start_needs_the_default_model_but_no_other(model: Make, start: Start) -> None:
    broken = [ModelLoadError("broken")]
    one, two = model("one", warm=True), model("two", warm=True, size=1, failures=broken)
    engines = start(one, two)
    await engines.warm()
    assert list(engines.loaded) == ["one"]
    with pytest.raises(ModelLoadError, match="broken"):
        await start(model("one", warm=True, failures=[ModelLoadError("broken")])).warm()


async def test_a_prompt_can_be_built_for_a_model_that_is_not_loaded(
    model: Make, start: Start
) -> None:
    one = model("one")
    engines = start(one)
    builder = await engines.builder("one")
    assert builder.check(Persona("You are kind.")) > 0
    assert one.loads == 0
    async with engines.use("one") as engine:
        assert await engines.builder("one") is engine.builder


async def test_the_end_waits_for_a_load_and_unloads_it(
    model: Make, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.engines.engines.LOADING", 30.0)
    one = model("one")
    one.gate.clear()
    engines = start(one)
    waiting = asyncio.create_task(title(engines, "one"))
    assert await happened(one.asked)
    closing = asyncio.create_task(engines.close())
    one.gate.set()
    await closing
    assert one.machine.used == 0
    assert one.generators[-1].closed
    assert await asyncio.gather(waiting, return_exceptions=True)
    with pytest.raises(GenerationError, match="ending"):
        await title(engines, "one")


async def test_the_end_does_not_wait_for_a_load_for_ever(
    model: Make, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.engines.engines.LOADING", 0.05)
    one = model("one")
    one.gate.clear()
    engines = start(one)
    waiting = asyncio.create_task(title(engines, "one"))
    assert await happened(one.asked)
    await asyncio.wait_for(engines.close(), 30)
    assert await asyncio.gather(waiting, return_exceptions=True)
    assert engines.loaded == {}
    one.gate.set()


async def test_a_load_that_ends_its_thread_is_a_failed_load(model: Make, start: Start) -> None:
    one = model("one", failures=[SystemExit(3)])
    engines = start(one)
    with pytest.raises(ModelLoadError, match="SystemExit"):
        await title(engines, "one")


async def test_a_single_engine_is_there_from_the_start(model: Make) -> None:
    made: Model = model("one")
    engine: Engine = made.load()
    engines = Engines.single(engine)
    assert engines.loaded == {"one": engine}
    async with engines.use() as used:
        assert used is engine
    await engines.close()
    assert made.generators[0].closed


async def test_who_waits_can_see_for_how_long_a_load_goes_on(model: Make, start: Start) -> None:
    one = model("one")
    engines = start(one)
    assert engines.waking("one") is None
    one.gate.clear()
    first = asyncio.create_task(title(engines, "one"))
    assert await happened(one.asked)
    waking = engines.waking()
    assert waking is not None
    assert (waking.title, waking.left) == ("one", None)
    assert waking.passed >= 0
    one.gate.set()
    await first
    assert engines.waking("one") is None


async def test_a_second_load_is_expected_to_take_as_long_as_the_first(
    model: Make, start: Start
) -> None:
    one = model("one")
    engines = start(one)
    await title(engines, "one")
    one.gate.clear()
    one.asked.clear()
    again = asyncio.create_task(engines.reload("one"))
    assert await happened(one.asked)
    waking = engines.waking("one")
    assert waking is not None
    assert waking.left is not None
    assert waking.left >= 0
    one.gate.set()
    await again
    assert engines.waking("one") is None


async def test_a_load_that_failed_goes_on_no_more(model: Make, start: Start) -> None:
    one = model("one", failures=[ModelLoadError("broken")])
    engines = start(one)
    with pytest.raises(ModelLoadError):
        await title(engines, "one")
    assert engines.waking("one") is None
