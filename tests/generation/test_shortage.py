"""Too little memory, injected: who is alone gets less of it at a time, and then a sentence."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from bot.control.words import say, told
from bot.errors import GenerationError
from bot.generation.generator import LocalGenerator
from bot.generation.memory.key_value import KeyValueShape
from bot.generation.weights.loading import LoadedModel, load
from tests.generation.failing import POISON, failing, harmless, once
from tests.generation.speaking import (
    GREEDY,
    Characters,
    Reference,
    ask,
    place,
    prompt,
    read,
    save_llama,
    some_ids,
    spelled,
)

SHORT = torch.OutOfMemoryError("CUDA out of memory")


async def test_an_answer_too_large_for_one_step_is_read_in_smaller_ones(
    generator: LocalGenerator, loaded: LoadedModel, reference: Reference
) -> None:
    ids = some_ids(random.Random(3), 150)
    with failing(loaded, SHORT, lambda ids: len(ids) > 20) as times:
        text, _ = await ask(generator, ids)
    assert spelled(text) == reference.greedy(ids, 24)
    assert times == [32]
    stats = generator.stats()
    assert (stats.failures, stats.shortages) == (0, 1)
    with failing(loaded, SHORT, lambda ids: len(ids) > 32) as times:  # the next one has all again
        await ask(generator, some_ids(random.Random(4), 150), GREEDY, "other")
    assert times == []


SLOW = pytest.mark.slow


@pytest.mark.parametrize("position", [pytest.param(0, marks=SLOW), 2, pytest.param(5, marks=SLOW)])
async def test_an_answer_that_does_not_fit_is_refused_with_a_sentence_and_the_others_go_on(
    generator: LocalGenerator, loaded: LoadedModel, reference: Reference, position: int
) -> None:
    dice = random.Random(0)
    prompts = [harmless(dice, 30 + 8 * number) for number in range(6)]
    wanted = [reference.greedy(ids, 24) for ids in prompts]
    assert not any(POISON in ids for ids in wanted)
    asked = [ask(generator, ids, GREEDY, f"p{n}") for n, ids in enumerate(prompts)]
    large = ask(generator, [*harmless(dice, 200), POISON], GREEDY, "large")
    asked.insert(position, large)
    with failing(loaded, SHORT, lambda ids: POISON in ids):
        answers = await asyncio.gather(*asked, return_exceptions=True)
    error = answers.pop(position)
    assert isinstance(error, GenerationError)
    assert told(error, "de") == say("conversation.out_of_memory", "de")
    assert "201 tokens" in str(error)
    texts = [answer[0] for answer in answers if isinstance(answer, tuple)]
    assert [spelled(text) for text in texts] == wanted
    assert generator.stats().failures == 1


@pytest.mark.parametrize("error", [SHORT, MemoryError()], ids=["cuda", "python"])
async def test_shortage_between_two_words_does_not_go_round_for_ever(
    generator: LocalGenerator, loaded: LoadedModel, error: Exception
) -> None:
    """Reading the prompt again works each time, and the next word never does."""
    with failing(loaded, error, lambda ids: len(ids) == 1):
        answer = generator.generate(prompt([0, 5, 6]), GREEDY, place())
        with pytest.raises(GenerationError, match="out of memory"):
            await asyncio.wait_for(read(answer), timeout=20)


async def test_shortage_while_a_broken_step_is_taken_apart_harms_nobody(
    generator: LocalGenerator, loaded: LoadedModel, reference: Reference
) -> None:
    dice = random.Random(9)
    prompts = [some_ids(dice, 20 + 9 * number) for number in range(4)]
    broken, short = RuntimeError("hiccup"), torch.OutOfMemoryError("CUDA out of memory")
    with failing(loaded, broken, once(7)), failing(loaded, short, once(9)) as times:
        asked = [ask(generator, ids, GREEDY, f"p{n}") for n, ids in enumerate(prompts)]
        answers = await asyncio.gather(*asked)
    assert len(times) == 1
    assert [spelled(text) for text, _ in answers] == [reference.greedy(i, 24) for i in prompts]


async def test_no_finite_number_while_a_broken_step_is_taken_apart_harms_nobody_else(
    generator: LocalGenerator, loaded: LoadedModel, reference: Reference
) -> None:
    """The memory is dropped then, and what the step had planned for the others with it."""
    dice = random.Random(0)
    prompts = [harmless(dice, 12 + number) for number in range(3)]
    wanted = [reference.greedy(ids, 24) for ids in prompts]
    assert not any(POISON in ids for ids in wanted)

    def spoil(_: Any, arguments: Any, output: torch.Tensor) -> torch.Tensor:
        return output.masked_fill((arguments[0] == POISON)[..., None], float("nan"))

    handle = loaded.model.get_input_embeddings().register_forward_hook(spoil)
    try:
        with failing(loaded, RuntimeError("hiccup"), lambda ids: POISON in ids and len(ids) > 3):
            bad = generator.generate(prompt([0, 9, POISON]), GREEDY, place("bad"))
            asked = [ask(generator, ids, GREEDY, f"p{n}") for n, ids in enumerate(prompts)]
            answers = await asyncio.gather(*asked)
            with pytest.raises(GenerationError, match="finite"):
                await read(bad)
    finally:
        handle.remove()
    assert [spelled(text) for text, _ in answers] == wanted


LEFT = 64 * 2**20
"""Bytes left on a device: a step that goes on with a long prompt needs some hundred MB."""


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
async def test_on_a_gpu_that_is_full_the_largest_answer_gives_way_and_all_is_well_afterwards(
    tmp_path: Path,
) -> None:
    folder, dice = save_llama(tmp_path, max_position_embeddings=16_384), random.Random(5)
    loaded, reference = load(folder, device="cuda", dtype="float32"), Reference(folder)
    one = KeyValueShape.of(loaded.model.config).bytes_per_token(loaded.dtype)
    generator = LocalGenerator(
        loaded, Characters(), max_batch=4, prefill_budget=4096, stall=60.0, memory=40_000 * one
    )
    prompts = [some_ids(dice, 30 + 20 * number) for number in range(3)]
    wanted = [reference.greedy(ids, 24) for ids in prompts]
    await ask(generator, some_ids(dice, 50))  # libraries take their own share first
    torch.cuda.empty_cache()
    free, _ = torch.cuda.mem_get_info()
    ballast = torch.empty(free - LEFT, dtype=torch.uint8, device="cuda")
    asked = [ask(generator, ids, GREEDY, f"p{n}") for n, ids in enumerate(prompts)]
    large, *others = await asyncio.gather(
        ask(generator, some_ids(dice, 9000), GREEDY, "large"), *asked, return_exceptions=True
    )
    assert [spelled(answer[0]) for answer in others if isinstance(answer, tuple)] == wanted
    if isinstance(large, BaseException):
        assert isinstance(large, GenerationError)
        assert told(large, "en") == say("conversation.out_of_memory", "en")
    stats = generator.stats()
    assert stats.shortages > 0
    assert (stats.lost, stats.restarts) == (False, 0)
    del ballast
    torch.cuda.empty_cache()
    text, _ = await ask(generator, some_ids(dice, 9000), GREEDY, "another")
    assert text
    assert generator.stats().shortages == stats.shortages
    await generator.close()
