"""The worker's thread dies, stumbles or hangs: what people were told goes on where it stood."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import replace
from typing import Any

import pytest
import torch

from bot.errors import GenerationError, GeneratorLost
from bot.generation import runner
from bot.generation.generator import LocalAnswer, LocalGenerator
from bot.generation.sampling import choosing
from bot.generation.supervisor import Patience
from bot.generation.weights.loading import LoadedModel
from bot.values import Finish, Sampling
from tests.generation.failing import POISON, failing, harmless, once
from tests.generation.speaking import (
    GREEDY,
    Characters,
    Reference,
    ask,
    place,
    prompt,
    read,
    some_ids,
    spelled,
)

Logs = list[MutableMapping[str, Any]]
Make = Callable[..., LocalGenerator]

WARM = Sampling(max_new_tokens=40, temperature=0.9, top_p=0.95, repetition_penalty=1.1)
NEVER = ((POISON, -100.0),)
HURRIED = Patience(pauses=(0.0,) * 5, longest=0.0)
SOON = Patience(hang=0.3, tick=0.05)


@pytest.fixture
async def make(loaded: LoadedModel, paged: bool) -> AsyncIterator[Make]:
    """Makes generators over the same model, and closes them."""
    made: list[LocalGenerator] = []

    def start(patience: Patience = HURRIED, **changes: Any) -> LocalGenerator:
        settings = {"max_batch": 4, "queue": 64, "prefill_budget": 32, "paged": paged} | changes
        made.append(LocalGenerator(loaded, Characters(), patience=patience, **settings))
        return made[-1]

    yield start
    for generator in made:
        await generator.close()


def asked(generator: LocalGenerator, count: int = 6) -> list[Awaitable[tuple[str, Finish]]]:
    """Some ask at the same time, every other one with dice of their own."""
    dice = random.Random(5)
    prompts = [harmless(dice, 12 + 7 * number) for number in range(count)]
    samplings = [replace(WARM, seed=n) if n % 2 else GREEDY for n in range(count)]
    samplings = [replace(each, logit_bias=NEVER) for each in samplings]
    pairs = zip(prompts, samplings, strict=True)
    return [ask(generator, ids, how, f"p{n}") for n, (ids, how) in enumerate(pairs)]


async def texts(generator: LocalGenerator, count: int = 6) -> list[str]:
    return [text for text, _ in await asyncio.gather(*asked(generator, count))]


@pytest.fixture
async def undisturbed(make: Make) -> list[str]:
    """What is answered when nothing happens."""
    return await texts(make())


def events(logged: Logs, name: str) -> list[MutableMapping[str, Any]]:
    return [line for line in logged if line["event"] == name]


@pytest.mark.parametrize("fault", [SystemExit(1), KeyboardInterrupt(), GeneratorExit()])
@pytest.mark.parametrize("at", [0, 3, 30])
async def test_a_thread_that_dies_is_followed_by_another_and_no_answer_changes(
    make: Make,
    loaded: LoadedModel,
    undisturbed: list[str],
    logged: Logs,
    fault: BaseException,
    at: int,
) -> None:
    generator = make()
    with failing(loaded, fault, once(at)) as times:
        assert await texts(generator) == undisturbed
    assert len(times) == 1
    assert (generator.stats().restarts, generator.stats().failures) == (1, 0)
    assert len(events(logged, "generation_restarted")) == 1


async def test_words_that_were_heard_before_the_thread_died_are_not_said_again(
    make: Make, loaded: LoadedModel
) -> None:
    sampling = replace(WARM, seed=7, max_new_tokens=200)
    whole, finish = await ask(make(), [0, 5, 9], sampling)
    generator = make()
    answer = generator.generate(prompt([0, 5, 9]), sampling, place())
    heard = [await anext(answer) for _ in range(3)]
    with failing(loaded, SystemExit(1), once(5)) as times:
        rest, again = await read(answer)
    assert len(times) == 1
    assert "".join(heard) + rest == whole
    assert (again.tokens, again.seed) == (finish.tokens, 7)


async def test_a_step_that_breaks_after_the_dice_were_rolled_changes_no_answer(
    make: Make, undisturbed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    choose, faults = choosing.choose, iter([torch.OutOfMemoryError("CUDA out of memory")])
    calls = iter(range(1_000_000))

    def breaking(*given: Any, **named: Any) -> list[int | None]:
        chosen = choose(*given, **named)
        if next(calls) == 8:
            raise next(faults)
        return chosen

    generator = make()
    monkeypatch.setattr(runner, "choose", breaking)
    assert await texts(generator) == undisturbed
    assert next(faults, None) is None
    assert generator.stats().shortages == 1


async def test_a_fault_in_the_scheduling_harms_no_answer(
    make: Make, undisturbed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = make()
    scheduler = generator._scheduler
    plan, calls = scheduler.plan, iter(range(1_000_000))

    def stumbling() -> Any:
        work = plan()
        if next(calls) in (4, 5):
            scheduler.running.reverse()  # its state is not to be trusted
            raise LookupError("stumbled")
        return work

    monkeypatch.setattr(scheduler, "plan", stumbling)
    work = asyncio.gather(*asked(generator))
    assert [text for text, _ in await work] == undisturbed
    assert generator.stats().restarts >= 1


async def test_one_request_that_kills_the_thread_ends_alone(
    make: Make, loaded: LoadedModel, undisturbed: list[str], logged: Logs
) -> None:
    generator = make()
    with failing(loaded, SystemExit(3), lambda ids: POISON in ids):
        others = asyncio.gather(*asked(generator))
        with pytest.raises(GenerationError, match="SystemExit"):
            await ask(generator, [0, 9, POISON], GREEDY, "bad")
        assert [text for text, _ in await others] == undisturbed
        assert events(logged, "generation_gave_up") == []
    assert generator.stats().running == 0


async def test_a_thread_that_dies_for_ever_ends_every_answer_with_one_alarm(
    make: Make, loaded: LoadedModel, undisturbed: list[str], logged: Logs
) -> None:
    generator = make()
    with failing(loaded, SystemExit(3), lambda _: True):
        for _ in range(2):
            ended = await asyncio.gather(*asked(generator), return_exceptions=True)
            assert all(isinstance(one, GenerationError) for one in ended)
    assert len(events(logged, "generation_gave_up")) == 1
    assert await texts(generator) == undisturbed
    await ask(generator, [0, 8], replace(GREEDY, max_new_tokens=100), "later")
    assert not generator.stats().lost


@pytest.mark.slow
async def test_a_new_alarm_is_raised_only_after_it_went_well_for_a_while(
    make: Make, loaded: LoadedModel, logged: Logs
) -> None:
    generator = make()
    for _ in range(2):
        with failing(loaded, SystemExit(3), lambda _: True):
            ended = await asyncio.gather(*asked(generator), return_exceptions=True)
            assert all(isinstance(one, GenerationError) for one in ended)
        for number in range(5):
            await ask(generator, [0, 8, number + 2], replace(GREEDY, max_new_tokens=100))
    assert len(events(logged, "generation_gave_up")) == 2
    assert len(events(logged, "generation_recovered")) >= 1


async def test_a_step_that_hangs_is_told_to_everybody_and_to_the_operator(
    make: Make, loaded: LoadedModel, logged: Logs
) -> None:
    generator, gate = make(SOON), threading.Event()

    def hold(ids: list[int]) -> bool:
        return POISON in ids and not gate.wait(60)

    with failing(loaded, RuntimeError("held too long"), hold):
        work = asyncio.gather(*asked(generator), return_exceptions=True)
        bad = generator.generate(prompt([0, POISON]), GREEDY, place("bad"))
        with pytest.raises(GeneratorLost, match="restart"):
            await read(bad)
        for ended in await work:
            assert isinstance(ended, GeneratorLost | tuple)
        with pytest.raises(GeneratorLost):
            generator.generate(prompt([0, 5]), GREEDY, place())
        assert generator.stats().lost
        gate.set()
    assert [line["log_level"] for line in events(logged, "generation_lost")] == ["critical"]


async def test_a_slow_step_is_no_hanging_one(
    make: Make, loaded: LoadedModel, undisturbed: list[str]
) -> None:
    """Many steps together take longer than one of them may."""
    generator = make(Patience(hang=0.5, tick=0.01))
    pause = threading.Event()
    with failing(loaded, RuntimeError("never"), lambda _: pause.wait(0.02)):
        assert await texts(generator) == undisturbed
    assert not generator.stats().lost


async def test_a_device_that_computes_no_more_is_lost_for_everybody(
    make: Make, loaded: LoadedModel, logged: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    generator = make()
    broken = RuntimeError("CUDA error: device-side assert triggered")

    def ones(*_: Any, **__: Any) -> torch.Tensor:
        raise broken

    answers: list[LocalAnswer] = [
        generator.generate(prompt([0, n + 2]), GREEDY, place(f"p{n}")) for n in range(6)
    ]
    monkeypatch.setattr(torch, "ones", ones)
    with failing(loaded, broken, once(2)):
        for answer in answers:
            with pytest.raises(GeneratorLost, match="device-side assert"):
                await read(answer)
    with pytest.raises(GeneratorLost):
        generator.generate(prompt([0, 5]), GREEDY, place())
    assert len(events(logged, "generation_lost")) == 1


async def test_a_device_that_is_full_is_not_lost(
    make: Make, loaded: LoadedModel, undisturbed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    generator, ones = make(), torch.ones
    shortage = torch.OutOfMemoryError("CUDA out of memory")
    full = iter([True])

    def short(*given: Any, **named: Any) -> torch.Tensor:
        if next(full, False):
            raise shortage
        return ones(*given, **named)

    monkeypatch.setattr(torch, "ones", short)
    with failing(loaded, shortage, once()):
        assert await texts(generator) == undisturbed
    assert next(full, None) is None
    assert not generator.stats().lost


async def test_closing_while_the_thread_dies_ends_everything(
    make: Make, loaded: LoadedModel
) -> None:
    generator = make(Patience(pauses=(60.0,)))
    died = threading.Event()

    def always(_: list[int]) -> bool:
        died.set()
        return True

    with failing(loaded, SystemExit(1), always):
        answer = generator.generate(prompt(some_ids(random.Random(1), 20)), GREEDY, place())
        assert await asyncio.to_thread(died.wait, 20)
        await asyncio.wait_for(generator.close(), timeout=30)
        with pytest.raises(GenerationError, match="closed"):
            await read(answer)


async def test_it_is_known_when_the_model_last_wrote(make: Make, reference: Reference) -> None:
    generator = make()
    assert generator.stats().idle_seconds is None
    text, _ = await ask(generator, [0, 5])
    assert spelled(text) == reference.greedy([0, 5], 24)
    idle = generator.stats().idle_seconds
    assert idle is not None
    assert 0 <= idle < 60
