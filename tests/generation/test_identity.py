"""Greedy fp32 answers are those of transformers' own generate, whatever runs beside them."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace

import pytest

from bot.generation.generator import LocalGenerator
from bot.generation.prefixes import common_prefix
from bot.generation.weights.loading import LoadedModel
from bot.values import FinishReason
from tests.generation.speaking import (
    EOS,
    GREEDY,
    Characters,
    Reference,
    ask,
    place,
    prompt,
    some_ids,
    spelled,
)


@pytest.mark.parametrize("length", [1, 2, 31, 32, 33, 150, 480])
async def test_an_answer_alone_is_the_reference_answer(
    generator: LocalGenerator, reference: Reference, length: int
) -> None:
    ids = some_ids(random.Random(length), length)
    text, finish = await ask(generator, ids)
    assert spelled(text) == reference.greedy(ids, 24)
    assert finish.prompt_tokens == length
    assert finish.tokens == len(text)


@pytest.mark.parametrize("budget", [1, 16, 50, pytest.param(1000, marks=pytest.mark.slow)])
async def test_many_answers_that_join_at_random_are_the_reference_answers(
    loaded: LoadedModel, reference: Reference, budget: int, paged: bool
) -> None:
    dice = random.Random(budget)
    generator = LocalGenerator(
        loaded, Characters(), max_batch=5, queue=64, prefill_budget=budget, paged=paged
    )

    pacer = generator.generate(prompt([0, 5]), replace(GREEDY, max_new_tokens=400), place())

    async def one(number: int) -> None:
        count = dice.randint(1, 40)
        ids = some_ids(dice, dice.randint(1, 200))
        sampling = replace(GREEDY, max_new_tokens=count)
        text, _ = await ask(generator, ids, sampling, f"place{number % 7}")
        assert spelled(text) == reference.greedy(ids, count)

    async with asyncio.TaskGroup() as tasks:
        for number in range(24):
            tasks.create_task(one(number))
            if number % 3:
                await anext(pacer)  # a step has passed
    assert generator.stats().failures == 0
    await generator.close()


async def test_answers_given_up_beside_it_do_not_change_an_answer(
    generator: LocalGenerator, reference: Reference
) -> None:
    dice = random.Random(7)

    async def give_up(number: int) -> None:
        answer = generator.generate(
            prompt(some_ids(dice, 60)), replace(GREEDY, max_new_tokens=200), place(f"x{number}")
        )
        async for _ in answer:
            if dice.random() < 0.3:
                break
        await answer.aclose()
        assert answer.finish is not None

    async def stay(number: int) -> None:
        ids = some_ids(dice, 70)
        text, _ = await ask(generator, ids, GREEDY, f"y{number}")
        assert spelled(text) == reference.greedy(ids, 24)

    async with asyncio.TaskGroup() as tasks:
        for number in range(12):
            tasks.create_task(give_up(number))
            tasks.create_task(stay(number))


async def test_a_conversation_computes_only_what_is_new(
    generator: LocalGenerator, reference: Reference
) -> None:
    dice = random.Random(3)
    ids = some_ids(dice, 60)
    before = 0
    for _ in range(5):
        text, finish = await ask(generator, ids, GREEDY)
        answer = reference.greedy(ids, 24)
        assert spelled(text) == answer
        assert finish.reused == before
        ids = [*ids, *answer, EOS, *some_ids(dice, 12)]
        before = finish.prompt_tokens + finish.tokens - 1  # the last token's are not computed


async def test_a_shared_beginning_is_copied_and_its_owner_keeps_it(
    generator: LocalGenerator, reference: Reference
) -> None:
    dice = random.Random(5)
    persona = some_ids(dice, 50)
    first = [*persona, *some_ids(dice, 40)]
    second = [*persona, *some_ids(dice, 30)]
    await ask(generator, first, GREEDY, "first")
    text, finish = await ask(generator, second, GREEDY, "second")
    assert finish.reused == len(persona) + 1  # every part begins with id 0
    assert spelled(text) == reference.greedy(second, 24)
    text, finish = await ask(generator, first, GREEDY, "first")
    assert finish.reused == len(first) - 1
    assert spelled(text) == reference.greedy(first, 24)


async def test_an_end_token_stops_the_answer_and_is_no_part_of_it(
    loaded: LoadedModel, reference: Reference
) -> None:
    ids = some_ids(random.Random(9), 20)
    answer = reference.greedy(ids, 24)
    stopping = Characters()
    stopping.eos_ids = frozenset({answer[5]})
    generator = LocalGenerator(loaded, stopping, max_batch=1, queue=1)
    text, finish = await ask(generator, ids)
    assert spelled(text) == answer[: answer.index(answer[5])]
    assert finish.reason is FinishReason.STOP
    await generator.close()


async def test_an_answer_ends_where_the_context_ends(
    generator: LocalGenerator, reference: Reference
) -> None:
    ids = some_ids(random.Random(2), generator.context - 10)
    text, finish = await ask(generator, ids, replace(GREEDY, max_new_tokens=10_000))
    assert spelled(text) == reference.greedy(ids, 10)
    assert finish.reason is FinishReason.LENGTH


async def test_stop_strings_end_the_answer_before_them(
    generator: LocalGenerator, reference: Reference
) -> None:
    ids = some_ids(random.Random(4), 20)
    whole = Characters().decode(reference.greedy(ids, 24))
    stop = whole[6:8]
    answer = generator.generate(prompt(ids, stops=(stop,)), GREEDY, place())
    text = "".join([delta async for delta in answer])
    assert text == whole[: whole.index(stop)]
    assert answer.finish is not None
    assert answer.finish.reason is FinishReason.STOP


async def test_what_other_places_said_changes_no_answer_and_lends_nothing_but_equal_tokens(
    loaded: LoadedModel, paged: bool
) -> None:
    dice = random.Random(8)
    persona = some_ids(dice, 40)
    asked = [[*persona[: dice.randint(0, 40)], *some_ids(dice, 30)] for _ in range(8)]
    warm = replace(GREEDY, temperature=0.8, seed=3)
    fresh = []
    for ids in asked:
        generator = LocalGenerator(loaded, Characters(), max_batch=2, paged=paged)
        fresh.append((await ask(generator, ids, warm))[0])
        await generator.close()
    shared = LocalGenerator(loaded, Characters(), max_batch=2, prefill_budget=32, paged=paged)
    for number, ids in enumerate(asked):
        text, finish = await ask(shared, ids, warm, f"place{number}")
        assert text == fresh[number]
        assert finish.reused == max(
            (common_prefix(ids, other) for other in asked[:number]), default=0
        )
    await shared.close()
