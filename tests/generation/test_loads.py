"""Greedy fp32 answers are those of transformers' own generate under any load, in little memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from bot.generation.generator import LocalGenerator
from bot.generation.memory.key_value import KeyValueShape
from bot.generation.runner import Part
from bot.generation.weights.loading import LoadedModel
from tests.generation.loads import Said, hold, random_load
from tests.generation.speaking import CONTEXT, Characters, Reference

SHIFTS = {"": 0.0, "up": 0.3, "down": -0.3}


class Shifts:
    """The plainest adapters: each shifts its tokens' embeddings by a number of its own."""

    names = ("up", "down")

    def __init__(self, model: Any) -> None:
        self.parts: list[Part] = []
        self._hook = model.get_input_embeddings().register_forward_hook(self._shift)

    def select(self, parts: Any) -> None:
        self.parts = list(parts)

    def remove(self) -> None:
        self._hook.remove()

    def _shift(self, _: Any, __: Any, output: torch.Tensor) -> torch.Tensor:
        for name, first, last in self.parts:
            output[:, first:last] += SHIFTS[name]
        return output


@contextmanager
def shifted(reference: Reference, name: str) -> Iterator[None]:
    def shift(_: Any, __: Any, output: torch.Tensor) -> torch.Tensor:
        return output + SHIFTS[name]

    hook = reference.model.get_input_embeddings().register_forward_hook(shift)
    try:
        yield
    finally:
        hook.remove()


def check(reference: Reference, said: Said) -> None:
    with shifted(reference, said.adapter):
        wanted = reference.greedy(said.ids, said.count)
    if not said.whole:
        wanted = wanted[: len(said.answer)]
    assert list(said.answer) == wanted


async def run_loads(
    loaded: LoadedModel, reference: Reference, seeds: range, *, paged: bool
) -> LocalGenerator:
    """Memory for two long conversations, or many short ones; adapters in every load."""
    shifts = Shifts(loaded.model)
    one = KeyValueShape.of(loaded.model.config).bytes_per_token(loaded.dtype)
    generator = LocalGenerator(
        loaded,
        Characters(),
        max_batch=5,
        prefill_budget=48,
        memory=one * (CONTEXT + CONTEXT // 4),
        paged=paged,
        adapters=shifts,
    )
    try:
        for seed in seeds:
            for said in await hold(generator, random_load(seed, adapters=tuple(SHIFTS))):
                check(reference, said)
    finally:
        await generator.close()
        shifts.remove()
    return generator


@pytest.mark.slow
async def test_random_loads_get_the_reference_answers(
    loaded: LoadedModel, reference: Reference, paged: bool
) -> None:
    generator = await run_loads(loaded, reference, range(8), paged=paged)
    stats = generator.stats()
    assert stats.failures == 0
    assert stats.reused_tokens > 0
    assert stats.evicted > 0


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_two_hundred_random_loads_get_the_reference_answers(
    loaded: LoadedModel, reference: Reference, paged: bool
) -> None:
    generator = await run_loads(loaded, reference, range(100, 300), paged=paged)
    stats = generator.stats()
    assert (stats.failures, stats.running, stats.waiting) == (0, 0, 0)
    assert min(stats.reused_tokens, stats.evicted) > 0


async def test_a_load_gets_the_answers_of_transformers_continuous_batching(
    loaded: LoadedModel, checkpoint: Path, paged: bool
) -> None:
    generator = LocalGenerator(loaded, Characters(), max_batch=5, prefill_budget=48, paged=paged)
    said = [one for one in await hold(generator, random_load(1, talks=8)) if one.whole]
    await generator.close()
    wanted = continuous(checkpoint, said)
    assert [list(one.answer) for one in said] == wanted


def continuous(checkpoint: Path, said: list[Said]) -> list[list[int]]:
    """The first tokens that transformers' continuous batching says to the same prompts."""
    from transformers import ContinuousBatchingConfig, GenerationConfig

    model = Reference(checkpoint).model
    model.set_attn_implementation("sdpa")
    model.generation_config.eos_token_id = None
    batches = model.generate_batch(
        inputs=[list(one.ids) for one in said],
        generation_config=GenerationConfig(
            max_new_tokens=max(len(one.answer) for one in said),
            do_sample=False,
            eos_token_id=None,
            pad_token_id=0,
        ),
        continuous_batching_config=ContinuousBatchingConfig(num_blocks=64, max_batch_tokens=256),
        progress_bar=False,
    )
    answers = [batches[key].generated_tokens for key in sorted(batches, key=_number)]
    return [answer[: len(one.answer)] for answer, one in zip(answers, said, strict=True)]


def _number(key: str) -> int:
    return int(key.rsplit("_", 1)[-1])
