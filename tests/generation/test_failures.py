"""What fails, fails alone: the worker goes on, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from typing import Any

import pytest
import torch

from bot.errors import GenerationError
from bot.generation.generator import LocalGenerator
from bot.generation.weights.loading import LoadedModel
from tests.generation.failing import POISON, failing, harmless, once
from tests.generation.speaking import GREEDY, Reference, ask, place, prompt, some_ids, spelled


async def several(generator: LocalGenerator, reference: Reference, *, count: int = 4) -> list[bool]:
    """Ask at the same time; whether each answer was the reference's."""
    dice = random.Random(11)
    prompts = [some_ids(dice, 20 + 9 * number) for number in range(count)]
    asked = [ask(generator, ids, GREEDY, f"p{n}") for n, ids in enumerate(prompts)]
    answers = await asyncio.gather(*asked)
    wanted = [reference.greedy(ids, 24) for ids in prompts]
    return [spelled(text) == ids for (text, _), ids in zip(answers, wanted, strict=True)]


async def test_a_request_that_breaks_the_forward_fails_alone(
    generator: LocalGenerator, loaded: LoadedModel, reference: Reference
) -> None:
    poisoned = [*harmless(random.Random(1), 30), POISON]
    with failing(loaded, RuntimeError("boom"), lambda ids: POISON in ids[-31:]):
        bad = generator.generate(prompt(poisoned), GREEDY, place("bad"))
        ids = harmless(random.Random(8), 25)
        wanted = reference.greedy(ids, 24)
        assert POISON not in wanted
        text, _ = await ask(generator, ids, GREEDY, "good")
        assert spelled(text) == wanted
        with pytest.raises(GenerationError, match="boom"):
            await anext(bad)
        with pytest.raises(GenerationError, match="boom"):
            await anext(bad)
    stats = generator.stats()
    assert (stats.failures, stats.running) == (1, 0)
    assert stats.held_tokens == 25 + 23  # of the failed one nothing is retained


async def test_a_step_that_fails_once_harms_nobody(
    generator: LocalGenerator, loaded: LoadedModel, reference: Reference
) -> None:
    with failing(loaded, RuntimeError("hiccup"), once()) as times:
        assert all(await several(generator, reference))
    assert len(times) == 1
    assert generator.stats().failures == 0


async def test_a_model_that_always_fails_ends_every_answer_and_works_again_after(
    generator: LocalGenerator, loaded: LoadedModel, reference: Reference
) -> None:
    with failing(loaded, RuntimeError("broken"), lambda _: True):
        asked = [ask(generator, [0, 5, n + 2], GREEDY, f"p{n}") for n in range(9)]
        ended = await asyncio.gather(*asked, return_exceptions=True)
        assert all(isinstance(one, GenerationError) for one in ended)
    assert all(await several(generator, reference))


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory"),
    ],
    ids=["cuda", "cpu"],
)
@pytest.mark.parametrize("retained", [0, 2])
async def test_short_memory_delays_answers_but_changes_none(
    generator: LocalGenerator,
    loaded: LoadedModel,
    reference: Reference,
    error: Exception,
    retained: int,
) -> None:
    for number in range(retained):
        await ask(generator, [0, 9, number + 2], GREEDY, f"before{number}")
    with failing(loaded, error, once()) as times:
        assert all(await several(generator, reference, count=6))
    assert len(times) == 1
    assert generator.stats().failures == 0


async def test_an_answer_that_never_fits_into_memory_fails(
    generator: LocalGenerator, loaded: LoadedModel, reference: Reference
) -> None:
    error = torch.OutOfMemoryError("CUDA out of memory")
    with (
        failing(loaded, error, lambda _: True),
        pytest.raises(GenerationError, match="out of memory"),
    ):
        await asyncio.wait_for(ask(generator, [0, 5]), timeout=20)
    assert all(await several(generator, reference))


async def test_numbers_that_are_not_finite_fail_one_answer_and_do_not_spread(
    generator: LocalGenerator, loaded: LoadedModel, reference: Reference
) -> None:
    layer = loaded.model.get_input_embeddings()

    def spoil(_: Any, arguments: Any, output: torch.Tensor) -> torch.Tensor:
        spoilt = (arguments[0] == POISON)[..., None]
        return output.masked_fill(spoilt, float("nan"))

    poisoned = [*harmless(random.Random(1), 8), POISON]
    wanted = {last: reference.greedy([0, 5, last], 24) for last in (7, 8, 9)}
    assert not any(POISON in ids for ids in wanted.values())
    handle = layer.register_forward_hook(spoil)
    try:
        good = asyncio.gather(*(ask(generator, [0, 5, last], GREEDY, f"{last}") for last in wanted))
        with pytest.raises(GenerationError, match="finite"):
            await ask(generator, poisoned, GREEDY, "bad")
        answers = await good
        with pytest.raises(GenerationError, match="finite"):
            await ask(generator, poisoned, GREEDY, "bad")
        assert generator.stats().taken_tokens == 0  # nothing of it is left in memory
    finally:
        handle.remove()
    assert [spelled(text) for text, _ in answers] == list(wanted.values())
    text, _ = await ask(generator, poisoned, GREEDY, "bad")
    assert spelled(text) == reference.greedy(poisoned, 24)


async def test_closing_ends_running_and_waiting_answers_with_an_error(
    loaded: LoadedModel, generator: LocalGenerator
) -> None:
    long = replace(GREEDY, max_new_tokens=400)
    answers = [generator.generate(prompt([0, n + 2]), long, place(f"p{n}")) for n in range(8)]
    await anext(answers[0])
    await asyncio.wait_for(generator.close(), timeout=30)
    for answer in answers:
        with pytest.raises(GenerationError):
            async for _ in answer:
                pass
        assert answer.finish is None
    with pytest.raises(GenerationError, match="closed"):
        generator.generate(prompt([0]), GREEDY, place())
    await generator.close()
