"""Requests with different adapters in one batch: each answer is that of its own merged model."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import torch

from bot.errors import Refused
from bot.generation.adapters.bank import AdapterBank, load_adapters
from bot.generation.generator import LocalGenerator
from bot.generation.memory.key_value import KeyValueShape
from bot.generation.weights.loading import LoadedModel, load
from bot.values import Finish
from tests.adapters_made import ATTENTION, Peft, save_adapter
from tests.generation.loads import Said, hold, random_load
from tests.generation.speaking import (
    CONTEXT,
    EOS,
    GREEDY,
    Characters,
    Reference,
    place,
    prompt,
    read,
    some_ids,
    spelled,
)

TIE = 1e-5
KINDS: dict[str, dict[str, Any]] = {
    "brief": {"target_modules": "all-linear"},
    "polite": {"target_modules": list(ATTENTION), "r": 2},
    "stable": {"use_rslora": True, "r": 7},
    "partial": {"rank_pattern": {"q_proj": 5}, "layers_to_transform": [1]},
}


@pytest.fixture(scope="module")
def folders(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("adapters")
    return {
        name: save_adapter(checkpoint, root / name, seed, **settings)
        for seed, (name, settings) in enumerate(KINDS.items())
    }


@pytest.fixture(scope="module")
def references(
    checkpoint: Path, folders: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Reference]:
    """transformers' generate on checkpoints that PEFT has merged each adapter into."""
    root = tmp_path_factory.mktemp("merged")
    merged = {
        name: Reference(Peft(checkpoint, folder).merge(root / name))
        for name, folder in folders.items()
    }
    return merged | {"": Reference(checkpoint)}


@pytest.fixture(scope="module")
def adapted(checkpoint: Path, folders: dict[str, Path]) -> LoadedModel:
    """A base of its own, as adapters stay with a model."""
    return load(checkpoint, device="cpu")


@pytest.fixture(scope="module")
def bank(adapted: LoadedModel, folders: dict[str, Path]) -> AdapterBank:
    return load_adapters(adapted, list(folders.items()))


@pytest.fixture
async def serving(adapted: LoadedModel, bank: AdapterBank) -> AsyncIterator[LocalGenerator]:
    generator = LocalGenerator(
        adapted, Characters(), max_batch=6, queue=300, prefill_budget=48, adapters=bank
    )
    yield generator
    await generator.close()


async def ask(
    generator: LocalGenerator, ids: list[int], adapter: str, where: str = "one", count: int = 24
) -> tuple[list[int], Finish]:
    sampling = replace(GREEDY, max_new_tokens=count)
    answer = generator.generate(prompt(ids), sampling, place(where), adapter=adapter)
    text, finish = await read(answer)
    return spelled(text), finish


def parted_at_a_tie(reference: Reference, said: Said, wanted: list[int]) -> bool:
    """Whether the reference itself could hardly tell the two tokens apart where they first differ.

    What is added beside a weight rounds otherwise than what was merged into it, by the last bits:
    among 36,000 tokens there are two whose logits differ by no more, 4.705792 and 4.705791.
    """
    same = len(
        list(takewhile(lambda pair: pair[0] == pair[1], zip(said.answer, wanted, strict=False)))
    )
    if same == min(len(said.answer), len(wanted)):
        return False
    logits = reference.logits([*said.ids, *wanted[:same]])
    return abs(float(logits[said.answer[same]] - logits[wanted[same]])) < TIE


async def run_loads(
    adapted: LoadedModel,
    bank: AdapterBank,
    references: dict[str, Reference],
    seeds: range,
    *,
    paged: bool,
) -> None:
    """Random loads, each talk with one of the adapters or none, in memory for a few of them."""
    per_token = KeyValueShape.of(adapted.model.config).bytes_per_token(adapted.dtype)
    generator = LocalGenerator(
        adapted,
        Characters(),
        max_batch=6,
        prefill_budget=48,
        memory=per_token * 2 * CONTEXT,
        paged=paged,
        adapters=bank,
    )
    for seed in seeds:
        for said in await hold(generator, random_load(seed, adapters=("", *KINDS), talks=8)):
            reference = references[said.adapter]
            wanted = reference.greedy(said.ids, said.count)
            wanted = wanted if said.whole else wanted[: len(said.answer)]
            assert list(said.answer) == wanted or parted_at_a_tie(reference, said, wanted)
    stats = generator.stats()
    await generator.close()
    assert stats.failures == 0
    assert stats.reused_tokens > 0


@pytest.mark.slow
async def test_random_loads_get_the_answers_of_the_merged_models(
    adapted: LoadedModel, bank: AdapterBank, references: dict[str, Reference], paged: bool
) -> None:
    await run_loads(adapted, bank, references, range(6), paged=paged)


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_two_hundred_random_loads_get_the_answers_of_the_merged_models(
    adapted: LoadedModel, bank: AdapterBank, references: dict[str, Reference], paged: bool
) -> None:
    await run_loads(adapted, bank, references, range(300, 500), paged=paged)


async def test_answers_given_up_do_not_disturb_those_of_other_adapters(
    serving: LocalGenerator, references: dict[str, Reference]
) -> None:
    dice = random.Random(4)

    async def give_up(number: int) -> None:
        long = replace(GREEDY, max_new_tokens=200)
        ids = some_ids(dice, 40)
        answer = serving.generate(prompt(ids), long, place(f"x{number}"), adapter="stable")
        async for _ in answer:
            if dice.random() < 0.3:
                break
        await answer.aclose()

    async def stay(number: int, adapter: str) -> None:
        ids = some_ids(dice, 50)
        told, _ = await ask(serving, ids, adapter, f"y{number}")
        assert told == references[adapter].greedy(ids, 24)

    async with asyncio.TaskGroup() as tasks:
        for number, adapter in enumerate(["", *KINDS]):
            tasks.create_task(give_up(number))
            tasks.create_task(stay(number, adapter))


async def test_nothing_is_reused_across_adapters_and_all_is_within_one(
    serving: LocalGenerator, references: dict[str, Reference]
) -> None:
    ids = some_ids(random.Random(6), 60)
    for adapter in ("", *KINDS):
        told, finish = await ask(serving, ids, adapter, f"of {adapter}")
        assert finish.reused == 0
        assert told == references[adapter].greedy(ids, 24)
    for adapter in (*KINDS, ""):
        follow = [*ids, *references[adapter].greedy(ids, 24), EOS, 9, 8, 7]
        told, finish = await ask(serving, follow, adapter, f"of {adapter}")
        assert finish.reused >= len(ids)
        assert told == references[adapter].greedy(follow, 24)


async def test_a_place_that_changes_its_adapter_begins_anew(
    serving: LocalGenerator, references: dict[str, Reference]
) -> None:
    ids = some_ids(random.Random(8), 60)
    for adapter in ("polite", "", "brief", "polite"):
        told, finish = await ask(serving, ids, adapter)
        assert finish.reused == 0
        assert told == references[adapter].greedy(ids, 24)


async def test_an_adapter_that_is_not_there_is_refused(serving: LocalGenerator) -> None:
    with pytest.raises(Refused, match="'rude'"):
        serving.generate(prompt([0, 5]), GREEDY, place(), adapter="rude")


@pytest.mark.filterwarnings("ignore")  # bitsandbytes' own, of what its CPU kernels lack
def test_a_quantised_base_takes_adapters(checkpoint: Path, folders: dict[str, Path]) -> None:
    loaded = load(checkpoint, device="cpu", dtype="float32", quantisation="nf4")
    layer = loaded.model.get_submodule("model.layers.1.self_attn.q_proj")
    assert type(layer).__name__ == "Linear4bit"
    row = torch.randn(1, 5, 64, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        plain = layer(row)
        bank = load_adapters(loaded, list(folders.items()))
        bank.select([("brief", 0, 2), ("", 2, 3), ("stable", 3, 5)])
        change = layer(row) - plain
    for name, part in (("brief", slice(0, 2)), ("stable", slice(3, 5))):
        peft = Peft(checkpoint, folders[name]).model.get_submodule(
            "base_model.model.model.layers.1.self_attn.q_proj"
        )
        with torch.inference_mode():
            wanted = (peft(row) - peft.base_layer(row))[0, part]
        torch.testing.assert_close(change[0, part], wanted, rtol=1e-3, atol=1e-4)
    assert not bool(change[0, 2].any())
