"""Decoding in recorded steps: the same answers, whatever comes and goes, and a way back."""

from __future__ import annotations

import asyncio
import random
from collections.abc import MutableMapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from bot.generation.generator import LocalGenerator
from bot.generation.graphs.decoding import MOST_STEPS
from bot.generation.graphs.fusing import fuse_norms
from bot.generation.graphs.recording import Compute, Recorder, Unrecorded
from bot.generation.graphs.waiting import NoWaiting
from bot.generation.memory.key_value import KeyValueShape
from bot.generation.memory.paged import PagedMemory
from bot.generation.memory.sizing import make_memory
from bot.generation.pace import Pace
from bot.generation.prefixes import Slots
from bot.generation.request import Request
from bot.generation.runner import Runner
from bot.generation.scheduler import Scheduler, Work
from bot.generation.stepper import Stepper
from bot.generation.weights.loading import LoadedModel, load
from bot.values import Sampling
from tests.generation.loads import hold, random_load
from tests.generation.speaking import (
    CONTEXT,
    EOS,
    GREEDY,
    VOCABULARY,
    Characters,
    Reference,
    ask,
    place,
    prompt,
    some_ids,
    spelled,
)

SETTINGS = (
    GREEDY,
    Sampling(temperature=0.7, top_p=0.9, seed=1),
    Sampling(temperature=1.2, top_p=1.0, top_k=7, repetition_penalty=1.3, seed=2),
    Sampling(temperature=0.9, top_p=1.0, min_p=0.1, seed=3),
    replace(GREEDY, repetition_penalty=1.5),
    Sampling(temperature=1.0, logit_bias=((5, -100.0), (9, 4.0)), seed=4),
)


def make(loaded: LoadedModel, *, graphs: bool = True, **changes: Any) -> LocalGenerator:
    settings: dict[str, Any] = {"max_batch": 5, "prefill_budget": 48, "paged": True}
    return LocalGenerator(loaded, Characters(), graphs=graphs, **settings | changes)


async def test_random_loads_in_little_memory_get_the_reference_answers(
    loaded: LoadedModel, reference: Reference
) -> None:
    one = KeyValueShape.of(loaded.model.config).bytes_per_token(loaded.dtype)
    generator = make(loaded, memory=one * (CONTEXT + CONTEXT // 4))
    for seed in range(3):
        for said in await hold(generator, random_load(seed)):
            wanted = reference.greedy(said.ids, said.count)
            assert list(said.answer) == (wanted if said.whole else wanted[: len(said.answer)])
    stats = generator.stats()
    assert stats.failures == 0
    assert min(stats.evicted, stats.reused_tokens) > 0
    await generator.close()


async def test_answers_that_must_wait_for_memory_go_on_as_they_began(
    loaded: LoadedModel, reference: Reference
) -> None:
    one = KeyValueShape.of(loaded.model.config).bytes_per_token(loaded.dtype)
    generator = make(loaded, memory=one * (CONTEXT + 40))
    dice = random.Random(4)
    asked = [some_ids(dice, 60) for _ in range(5)]
    longer = replace(GREEDY, max_new_tokens=120, repetition_penalty=1.2)
    alone = make(loaded, graphs=False)
    wanted = [(await ask(alone, ids, longer, f"w{i}"))[0] for i, ids in enumerate(asked)]
    texts = await asyncio.gather(
        *(ask(generator, ids, longer, f"p{i}") for i, ids in enumerate(asked))
    )
    assert [text for text, _ in texts] == wanted
    assert generator.stats().preempted > 0
    await generator.close()
    await alone.close()


async def test_settings_of_all_kinds_side_by_side_give_what_they_give_alone(
    loaded: LoadedModel,
) -> None:
    plain, generator = make(loaded, graphs=False), make(loaded)
    dice = random.Random(11)
    cases = [
        (some_ids(dice, dice.randint(1, 80)), replace(sampling, max_new_tokens=dice.randint(2, 30)))
        for _ in range(2)
        for sampling in SETTINGS
    ]

    async def give_up(number: int) -> None:
        answer = generator.generate(prompt(some_ids(dice, 30)), GREEDY, place(f"x{number}"))
        await anext(answer)
        await answer.aclose()

    async with asyncio.TaskGroup() as tasks:
        beside = [
            tasks.create_task(ask(generator, ids, sampling, f"p{number}"))
            for number, (ids, sampling) in enumerate(cases)
        ]
        for number in range(6):
            tasks.create_task(give_up(number))
    for task, (ids, sampling) in zip(beside, cases, strict=True):
        text, finish = task.result()
        wanted = await ask(plain, ids, sampling)
        assert (text, finish.reason) == (wanted[0], wanted[1].reason)
    await plain.close()
    await generator.close()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_fused_norms_are_the_models_norms(checkpoint: Path, dtype: torch.dtype) -> None:
    loaded = load(checkpoint, device="cpu", dtype=str(dtype).removeprefix("torch."))
    norms = [m for m in loaded.model.modules() if isinstance(m, LlamaRMSNorm)]
    rows = 3 * torch.randn(5, norms[0].weight.shape[0]).to(dtype)
    with torch.inference_mode():
        wanted = [norm(rows) for norm in norms]
        assert fuse_norms(loaded.model) == len(norms)
        for norm, own in zip(norms, wanted, strict=True):
            assert norm(rows).dtype is dtype
            torch.testing.assert_close(norm(rows), own)


async def test_a_long_answer_passes_from_one_length_to_the_next(
    loaded: LoadedModel, reference: Reference
) -> None:
    generator = make(loaded)
    ids = some_ids(random.Random(6), 240)
    text, _ = await ask(generator, ids, replace(GREEDY, max_new_tokens=60))
    assert spelled(text) == reference.greedy(ids, 60)
    await generator.close()


class Deaf:
    """A recorder whose recordings do nothing."""

    def record(self, compute: Compute) -> Compute:
        compute()
        return lambda: None


class Broken:
    """A recorder that cannot."""

    def record(self, compute: Compute) -> Compute:  # noqa: ARG002
        raise RuntimeError("operation not permitted when stream is capturing")


class Watching(Unrecorded):
    def record(self, compute: Compute) -> Compute:
        with NoWaiting(torch.device("cpu")) as watched:
            compute()
        assert watched.seen > 10
        return super().record(compute)


class Bench:
    """A runner with two requests whose prompts have been read."""

    def __init__(self, loaded: LoadedModel, recorder: Recorder | None) -> None:
        _, memory = make_memory(loaded, max_batch=4, paged=True)
        assert isinstance(memory, PagedMemory)
        self.memory = memory
        self.runner = Runner(loaded, memory, vocab_size=VOCABULARY, recorder=recorder, most=4)
        settings = (GREEDY, Sampling(temperature=0.8, top_k=9, repetition_penalty=1.2))
        self.requests = [
            Request((0, 7 + slot, 5), one, "a", frozenset({EOS}), seed=3)
            for slot, one in enumerate(settings)
        ]
        for slot, request in enumerate(self.requests):
            request.slot = slot
            memory.reserve(slot, 40)
        self.step(2)

    def step(self, count: int = 1) -> list[int | None]:
        work = [Work(one, count, samples=count == 1) for one in self.requests]
        tokens = self.runner.run(work)
        for one, token in zip(self.requests, tokens, strict=True):
            one.computed += count
            one.tokens += [token] if token is not None else []
        return tokens

    def steps(self, count: int) -> list[list[int | None]]:
        return [self.step() for _ in range(count)]


def warnings(logged: list[MutableMapping[str, Any]]) -> list[Any]:
    return [line for line in logged if line["log_level"] == "warning"]


@pytest.mark.parametrize("recorder", [Deaf(), Broken()], ids=["wrong", "failing"])
def test_what_cannot_be_recorded_is_computed_as_ever_with_one_warning(
    loaded: LoadedModel, recorder: Recorder, logged: list[MutableMapping[str, Any]]
) -> None:
    wanted = Bench(loaded, None).steps(6)
    assert Bench(loaded, recorder).steps(6) == wanted
    assert [line["event"] for line in warnings(logged)] == ["decoding_is_not_recorded"]


def test_bad_words_of_several_tokens_are_watched_for_without_recordings(
    loaded: LoadedModel, logged: list[MutableMapping[str, Any]]
) -> None:
    free = Bench(loaded, None).steps(6)
    word = tuple(step[0] for step in free[2:4] if step[0] is not None)
    polite = replace(loaded, bad_words=(word,))
    steps = Bench(polite, Unrecorded()).steps(6)
    assert steps[:3] == free[:3]
    assert steps[3][0] != word[1]
    assert not [line for line in logged if line["event"].startswith("decoding")]


def test_a_step_makes_the_host_wait_for_nothing(loaded: LoadedModel) -> None:
    assert Bench(loaded, Watching()).steps(4) == Bench(loaded, None).steps(4)


def test_warming_up_tells_how_far_it_is_and_changes_no_answer(
    loaded: LoadedModel, logged: list[MutableMapping[str, Any]]
) -> None:
    bench = Bench(loaded, Unrecorded())
    before = bench.steps(3)
    bench.runner.warm_up()
    lines = [line for line in logged if line["event"] == "decoding_warms_up"]
    assert [line["step"] for line in lines] == list(range(1, lines[0]["of"] + 1))
    assert len(lines) <= MOST_STEPS
    assert [*before, *bench.steps(3)] == Bench(loaded, None).steps(6)


def test_steps_are_recorded_again_for_new_memory(loaded: LoadedModel) -> None:
    bench, twin = Bench(loaded, Unrecorded()), Bench(loaded, None)
    for one in (bench, twin):
        one.steps(3)
        one.memory.shrink()
        one.runner.release_memory()
        for slot, request in enumerate(one.requests):
            one.memory.reserve(slot, 40)
            request.computed = 0
        one.runner.run([Work(r, r.pending - 1, samples=False) for r in one.requests])
        for request in one.requests:
            request.computed = len(request.tokens) - 1
    assert bench.steps(3) == twin.steps(3)


class Counting(Unrecorded):
    times = 0

    def record(self, compute: Compute) -> Compute:
        self.times += 1
        return super().record(compute)


def test_after_a_number_that_was_not_finite_nothing_is_left_of_it_and_nothing_recorded_anew(
    loaded: LoadedModel, reference: Reference
) -> None:
    recorder = Counting()
    _, memory = make_memory(loaded, max_batch=4, paged=True)
    assert isinstance(memory, PagedMemory)
    runner = Runner(loaded, memory, vocab_size=VOCABULARY, recorder=recorder, most=4)
    runner.warm_up()
    pace = Pace(stall=10.0, most=64)
    scheduler = Scheduler(Slots(4), memory, pace, max_running=4, context=CONTEXT)
    stepper = Stepper(scheduler, runner)
    asked = [some_ids(random.Random(seed), 20) for seed in (1, 2)]
    bad, good = (
        Request(tuple(ids), GREEDY, str(ids), frozenset({EOS}), seed=0, adapter="") for ids in asked
    )
    for one in (bad, good):
        scheduler.add(one)
    for _ in range(4):
        stepper.step()
    assert bad.slot is not None
    pools, times = memory.pools, recorder.times
    with torch.inference_mode():
        pools[0][memory.tables.of(bad.slot)[0]] = torch.nan
    while scheduler.busy:
        stepper.step()
    assert stepper.counters.failures == 1
    assert good.tokens[20:] == reference.greedy(asked[1], 24)
    assert (memory.pools is pools, recorder.times) == (True, times)
    assert all(bool(pool.isfinite().all()) for pool in pools)
    stepper.forget(shrink=True)
    assert memory.pools is not pools


def test_numbers_that_are_not_finite_choose_nothing(loaded: LoadedModel) -> None:
    bench = Bench(loaded, Unrecorded())
    bench.step()
    pools = bench.memory.pools
    with torch.inference_mode():
        pools[0][bench.memory.tables.of(0)[0]] = torch.nan
    assert [token is None for token in bench.step()] == [True, False]


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("graphs", [True, False])
async def test_on_a_gpu_recorded_steps_say_what_others_say(
    checkpoint: Path, reference: Reference, graphs: bool, logged: list[MutableMapping[str, Any]]
) -> None:
    generator = make(load(checkpoint, device="cuda", dtype="float32"), graphs=graphs)
    asked = [some_ids(random.Random(seed), 30 + 40 * seed) for seed in range(6)]
    texts = await asyncio.gather(*(ask(generator, ids, where=str(ids)) for ids in asked))
    assert [spelled(text) for text, _ in texts] == [reference.greedy(ids, 24) for ids in asked]
    assert not warnings(logged)
    await generator.close()
