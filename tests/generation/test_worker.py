"""Many people at once: queueing, taking turns, giving up, dice, and faults."""

from __future__ import annotations

import asyncio
import itertools
import random
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from bot.errors import Busy
from bot.generation.generator import LocalGenerator
from bot.generation.memory.key_value import KeyValueShape
from bot.generation.weights.loading import LoadedModel
from bot.values import FinishReason, Sampling
from tests.board import PATIENCE
from tests.generation.failing import failing
from tests.generation.speaking import (
    CONTEXT,
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

LONG = replace(GREEDY, max_new_tokens=400)
WARM = Sampling(max_new_tokens=24, temperature=0.9, top_p=0.95)


@pytest.fixture
async def narrow(loaded: LoadedModel) -> AsyncIterator[LocalGenerator]:
    """One answer at a time, two may wait."""
    generator = LocalGenerator(loaded, Characters(), max_batch=1, queue=2)
    yield generator
    await generator.close()


async def test_a_full_queue_is_busy_until_somebody_ends(narrow: LocalGenerator) -> None:
    answers = [narrow.generate(prompt([0, n]), LONG, place(f"p{n}")) for n in range(2, 5)]
    with pytest.raises(Busy):
        narrow.generate(prompt([0, 9]), GREEDY, place())
    await anext(answers[0])
    assert [answer.waiting for answer in answers] == [0, 1, 2]
    await answers[0].aclose()
    await anext(answers[1])
    later = narrow.generate(prompt([0, 9]), GREEDY, place())
    await answers[1].aclose()
    await answers[2].aclose()
    _, finish = await read(later)
    assert finish.reason is FinishReason.LENGTH


@contextmanager
def held_up(loaded: LoadedModel) -> Iterator[threading.Event]:
    """The model stops after some steps until the event is set, so that no answer runs ahead."""
    steps, go = itertools.count(), threading.Event()
    failure = RuntimeError("nobody let it go on")
    with failing(loaded, failure, lambda _: next(steps) > 8 and not go.wait(PATIENCE)):
        yield go


async def test_giving_up_frees_the_place_in_the_batch_at_once(
    narrow: LocalGenerator, loaded: LoadedModel
) -> None:
    with held_up(loaded) as given_up:
        first = narrow.generate(prompt([0, 5]), LONG, place("first"))
        begun = await anext(first)
        await first.aclose()
        given_up.set()
        assert first.finish is not None
        assert first.finish.reason is FinishReason.CANCELLED
        assert first.finish.tokens >= len(begun)
        assert [delta async for delta in first] == []
        _, finish = await ask(narrow, [0, 6], GREEDY, "second")
    assert finish.reason is FinishReason.LENGTH
    assert narrow.stats().generated_tokens < 200


async def test_giving_up_while_waiting_or_after_the_end_is_harmless(
    narrow: LocalGenerator,
) -> None:
    first = narrow.generate(prompt([0, 5]), GREEDY, place("first"))
    second = narrow.generate(prompt([0, 6]), GREEDY, place("second"))
    await second.aclose()
    await second.aclose()
    _, finish = await read(first)
    await first.aclose()
    assert first.finish is finish
    assert [delta async for delta in second] == []


async def test_whoever_waits_for_the_next_words_hears_that_it_was_given_up(
    narrow: LocalGenerator,
) -> None:
    running = narrow.generate(prompt([0, 5]), LONG, place("first"))
    waiting = narrow.generate(prompt([0, 6]), LONG, place("second"))
    reader = asyncio.create_task(read(waiting))
    await anext(running)
    await waiting.aclose()
    text, finish = await asyncio.wait_for(reader, timeout=30)
    assert (text, finish.reason) == ("", FinishReason.CANCELLED)


async def test_a_place_with_many_requests_does_not_hold_up_another(loaded: LoadedModel) -> None:
    generator = LocalGenerator(loaded, Characters(), max_batch=1, queue=9)
    order: list[str] = []

    async def one(where: str) -> None:
        await ask(generator, [0, 5], GREEDY, where)
        order.append(where)

    async with asyncio.TaskGroup() as tasks:
        for where in ("loud", "loud", "loud", "loud", "quiet"):
            tasks.create_task(one(where))
    assert "quiet" in order[:3]
    await generator.close()


async def test_the_same_seed_says_the_same_whoever_else_is_there(
    generator: LocalGenerator,
) -> None:
    ids = some_ids(random.Random(6), 40)
    alone, finish = await ask(generator, ids, replace(WARM, seed=123))
    assert finish.seed == 123
    others = [ask(generator, [0, n + 2], replace(WARM, temperature=1.5), f"p{n}") for n in range(5)]
    (beside, _), *_ = await asyncio.gather(
        ask(generator, ids, replace(WARM, seed=123), "again"), *others
    )
    assert beside == alone
    different, _ = await ask(generator, ids, replace(WARM, seed=124))
    assert different != alone


async def test_a_seed_that_was_chosen_is_told_and_repeats_the_answer(
    generator: LocalGenerator,
) -> None:
    first, finish = await ask(generator, [0, 4, 9], WARM)
    assert finish.seed is not None
    second, _ = await ask(generator, [0, 4, 9], replace(WARM, seed=finish.seed))
    assert second == first


async def test_the_figures_add_up(generator: LocalGenerator, loaded: LoadedModel) -> None:
    per_token = KeyValueShape.of(loaded.model.config).bytes_per_token(loaded.dtype)
    ids = some_ids(random.Random(1), 50)
    for _ in range(2):
        await ask(generator, ids)
    stats = generator.stats()
    assert (stats.running, stats.waiting, stats.failures) == (0, 0, 0)
    assert stats.prompt_tokens == 100
    assert stats.reused_tokens == 49
    assert stats.generated_tokens == 48
    assert stats.held_tokens == 50 + 23
    assert stats.taken_tokens >= stats.held_tokens
    assert stats.taken_tokens + stats.room_tokens == stats.bytes_budgeted // per_token
    assert stats.bytes_used == stats.taken_tokens * per_token
    assert stats.retained == 1
    assert stats.step_seconds is not None


def test_a_listener_whose_loop_is_gone_frees_its_place(loaded: LoadedModel) -> None:
    generator = LocalGenerator(loaded, Characters(), max_batch=1, queue=0)

    async def leave() -> None:
        await anext(generator.generate(prompt([0, 5]), LONG, place()))

    async def come() -> str:
        for _ in range(10_000):
            try:
                text, _ = await ask(generator, [0, 6], GREEDY, "later")
            except Busy:
                await asyncio.sleep(0.001)
            else:
                await generator.close()
                return text
        raise AssertionError("the place was never freed")

    with held_up(loaded) as left:
        asyncio.run(leave())
        left.set()
    assert len(asyncio.run(come())) > 0
    assert generator.stats().generated_tokens < 400


async def test_requests_from_several_loops_are_served_together(
    generator: LocalGenerator,
) -> None:
    texts: list[str] = []

    def elsewhere() -> None:
        text, _ = asyncio.run(ask(generator, [0, 5], GREEDY, "there"))
        texts.append(text)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    text, _ = await ask(generator, [0, 5], GREEDY, "here")
    await asyncio.to_thread(thread.join, 20)
    assert texts == [text]


async def test_those_who_wait_hear_how_long_once_something_was_measured(
    narrow: LocalGenerator, loaded: LoadedModel
) -> None:
    go = threading.Event()
    with failing(loaded, RuntimeError("nobody let it go on"), lambda _: not go.wait(PATIENCE)):
        before = [narrow.generate(prompt([0, 5]), GREEDY, place(name)) for name in ("a", "b")]
        assert before[1].wait is None
        go.set()
        for answer in before:
            await read(answer)
    answers = [narrow.generate(prompt([0, n]), LONG, place(f"p{n}")) for n in range(2, 5)]
    async for _ in answers[0]:
        if answers[2].wait is not None:  # the worker has seen that it waits
            break
    running, next_one, last = [answer.wait for answer in answers]
    assert running == 0.0
    assert next_one is not None
    assert last is not None
    assert 0.0 < next_one < last
    for answer in answers:
        await answer.aclose()


async def test_little_memory_makes_answers_wait_but_changes_none(
    loaded: LoadedModel, reference: Reference, paged: bool
) -> None:
    one = KeyValueShape.of(loaded.model.config).bytes_per_token(loaded.dtype)
    generator = LocalGenerator(
        loaded, Characters(), max_batch=8, queue=64, memory=one * (CONTEXT + 40), paged=paged
    )
    sampling = replace(GREEDY, max_new_tokens=90)
    prompts = [[0, *range(2, 90), n] for n in range(2, 12)]
    asked = [ask(generator, ids, sampling, f"p{n}") for n, ids in enumerate(prompts)]
    for ids, (text, _) in zip(prompts, await asyncio.gather(*asked), strict=True):
        assert spelled(text) == reference.greedy(ids, 90)
    stats = generator.stats()
    assert stats.preempted > 0
    assert (stats.failures, stats.running, stats.waiting) == (0, 0, 0)
    assert stats.bytes_used <= stats.bytes_budgeted
    await generator.close()
