"""Whether people would be answered: really asked, cheaply, and never a model woken for it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from bot.engines import Engines
from bot.errors import GenerationError, ModelLoadError
from bot.operation.facts import ModelAnswered
from bot.operation.figures import Condition
from bot.operation.gathering import worker_lost
from bot.operation.readiness import ASK_AGAIN, LATELY, QUESTION, WRITE_AGAIN
from bot.values import Prompt
from tests.board import ScriptedGenerator, Step
from tests.engines.machine import Machine, Model, happened
from tests.operation.conftest import Scene
from tests.prometheus.given import Busy


def unready(conditions: Mapping[str, Condition]) -> dict[str, str]:
    return {part: each.note for part, each in conditions.items() if not each.ready}


async def test_all_is_well_when_the_model_answers_the_database_writes_and_platforms_listen(
    scene: Scene,
) -> None:
    readiness = scene.readiness()
    found = await readiness.look()
    assert list(found) == ["model", "database", "discord"]
    assert unready(found) == {}
    assert readiness.unready == ""
    (sampling,) = scene.generator.samplings
    assert sampling.max_new_tokens == 1


async def test_a_model_that_answered_people_lately_is_not_asked(scene: Scene) -> None:
    scene.answered.note(ModelAnswered("kind"))
    scene.now += LATELY
    assert unready(await scene.readiness().look()) == {}
    assert scene.generator.prompts == []


async def test_a_model_that_nobody_asked_for_long_is_asked_again(scene: Scene) -> None:
    readiness = scene.readiness()
    for _ in range(3):
        await readiness.look()
    assert len(scene.generator.prompts) == 1
    scene.now += LATELY + 1
    await readiness.look()
    assert len(scene.generator.prompts) == 2


async def test_a_model_that_hangs_is_not_ready_and_is_asked_at_most_once_a_minute(
    scene: Scene,
) -> None:
    never = asyncio.Event()
    scene.generator.script = lambda _: [never, "late"]
    scene.prompts.build(None, [QUESTION], names=False)  # the first one takes longer
    readiness = scene.readiness(patience=1.0)
    for _ in range(3):
        assert unready(await readiness.look()) == {"model": "has not answered within 1 s"}
    assert len(scene.generator.prompts) == 1
    assert scene.generator.answers[0].closed.is_set()
    scene.generator.script = lambda _: ["again"]
    scene.now += ASK_AGAIN
    assert unready(await readiness.look()) == {}


async def test_a_model_that_fails_is_not_ready(scene: Scene) -> None:
    scene.generator.script = lambda _: [GenerationError("the device is gone")]
    readiness = scene.readiness()
    assert unready(await readiness.look()) == {"model": "does not answer"}
    assert readiness.unready == "model does not answer"


async def test_a_model_that_nobody_wants_is_not_loaded_for_this(scene: Scene) -> None:
    model = Model("sleeper", Machine(), scene.prompts)
    scene.engines = Engines([model])
    found = await scene.readiness().look()
    assert found["model"] == Condition(
        ready=True, note="is not in memory; it is loaded when somebody asks"
    )
    assert model.loads == 0


async def test_a_model_under_way_and_one_that_cannot_be_loaded_are_not_ready(scene: Scene) -> None:
    model = Model("sleeper", Machine(), scene.prompts, failures=[ModelLoadError("no room")])
    model.gate.clear()
    scene.engines = Engines([model])
    loading = asyncio.create_task(_use(scene.engines))
    assert await happened(model.asked)
    readiness = scene.readiness()
    assert unready(await readiness.look()) == {"model": "is being loaded"}
    model.gate.set()
    await asyncio.gather(loading, return_exceptions=True)
    assert unready(await readiness.look()) == {"model": "could not be loaded"}
    await scene.engines.close()


async def _use(engines: Engines) -> None:
    async with engines.use():
        pass


async def test_the_question_is_no_use_that_keeps_a_model_in_memory(scene: Scene) -> None:
    model = Model("sleeper", Machine(), scene.prompts, idle=0.05)
    scene.engines = Engines([model])
    await _use(scene.engines)
    model.generators[0].script = lambda _: ["a"]
    readiness = scene.readiness()
    await readiness.look()
    assert len(model.generators[0].prompts) == 1
    assert await happened(model.left)
    assert unready(await readiness.look()) == {}
    await scene.engines.close()


async def test_a_model_that_leaves_while_it_is_asked_is_no_failure(scene: Scene) -> None:
    model = Model("sleeper", Machine(), scene.prompts)
    scene.engines = Engines([model])
    await _use(scene.engines)
    asked, go = asyncio.Event(), asyncio.Event()

    def script(_: Prompt) -> list[Step]:
        asked.set()
        return [go, GenerationError("the generator was closed")]

    model.generators[0].script = script
    looking = asyncio.create_task(scene.readiness().look())
    await asked.wait()
    await scene.engines.close()
    go.set()
    assert unready(await looking) == {}


async def test_a_database_that_takes_no_writes_is_not_ready_though_it_can_be_read(
    scene: Scene,
) -> None:
    readiness = scene.readiness()
    assert unready(await readiness.look()) == {}
    await scene.store.database.write(lambda c: c.exec_driver_sql("PRAGMA query_only=ON").close())
    assert unready(await readiness.look()) == {}, "a write just now is believed"
    scene.now += WRITE_AGAIN
    await scene.store.check()
    assert unready(await readiness.look()) == {"database": "takes no writes"}
    writer = await scene.store.database.engine.raw_connection()
    assert writer.driver_connection is not None
    await writer.driver_connection.execute("PRAGMA query_only=OFF")
    writer.close()
    await scene.store.well()
    scene.now += WRITE_AGAIN
    assert unready(await readiness.look()) == {}


async def test_a_platform_that_is_lost_is_named(scene: Scene) -> None:
    scene.platforms["slack"] = False
    readiness = scene.readiness()
    assert unready(await readiness.look()) == {"slack": "is not connected"}
    scene.platforms["slack"] = True
    assert unready(await readiness.look()) == {}


async def test_many_who_look_at_once_cause_one_question(scene: Scene) -> None:
    readiness = scene.readiness()
    await asyncio.gather(*(readiness.look() for _ in range(20)))
    assert len(scene.generator.prompts) == 1


async def test_every_loaded_model_is_asked_and_the_silent_one_counts(scene: Scene) -> None:
    machine = Machine(total=1000)
    one, other = (Model(title, machine, scene.prompts) for title in ("one", "other"))
    scene.engines = Engines([one, other])
    for title in ("one", "other"):
        async with scene.engines.use(title):
            pass
    one.generators[0].script = lambda _: ["well"]
    other.generators[0].script = lambda _: [GenerationError("broken")]
    assert unready(await scene.readiness().look()) == {"model": "does not answer"}
    assert isinstance(one.generators[0], ScriptedGenerator)
    assert len(one.generators[0].prompts) == 1
    await scene.engines.close()


async def test_a_worker_that_is_lost_for_good_is_seen(scene: Scene) -> None:
    load = Busy()
    scene.generator.stats = lambda: load  # type: ignore[attr-defined]
    assert not worker_lost(scene.engines)
    load = Busy(lost=True)
    assert worker_lost(scene.engines)
