"""The packed forward against the model's own, in every shape, precision and way of attending."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bot.generation.attention import Span, attach
from bot.generation.memory.key_value import KeyValueMemory
from bot.generation.memory.sizing import make_memory
from bot.generation.weights.loading import LoadedModel, load
from tests.generation.speaking import Reference, save_llama, some_ids


def memory_for(loaded: LoadedModel, *, paged: bool) -> KeyValueMemory:
    return make_memory(loaded, max_batch=8, paged=paged)[1]


@torch.inference_mode()
def packed(
    loaded: LoadedModel, memory: KeyValueMemory, spans: list[Span], texts: dict[int, list[int]]
) -> Tensor:
    """Logits of the last token of each span."""
    for span in spans:
        memory.reserve(span.slot, span.end)
    packing = memory.packing(spans)
    ids = [token for s in spans for token in texts[s.slot][s.start : s.end]]
    ids += [0] * (len(packing.positions) - len(ids))
    ends = torch.tensor([s.count for s in spans]).cumsum(0) - 1
    model: Any = loaded.model
    attach(model)
    output = model(
        input_ids=torch.tensor([ids]),
        position_ids=packing.positions[None],
        use_cache=False,
        logits_to_keep=ends,
        packing=packing,
    )
    logits: Tensor = output.logits[0]
    return logits


@torch.inference_mode()
def plain(reference: Reference, ids: list[int]) -> Tensor:
    logits: Tensor = reference.model(torch.tensor([ids])).logits[0, -1]
    return logits


@given(
    seed=st.integers(0, 10_000),
    cuts=st.lists(st.lists(st.integers(1, 60), min_size=1, max_size=5), min_size=1, max_size=6),
    paged=st.booleans(),
)
@settings(max_examples=15, deadline=None)
def test_any_way_of_cutting_prompts_gives_the_models_own_logits(
    loaded: LoadedModel,
    reference: Reference,
    seed: int,
    cuts: list[list[int]],
    paged: bool,
) -> None:
    dice = random.Random(seed)
    memory = memory_for(loaded, paged=paged)
    texts = {slot: some_ids(dice, sum(lengths)) for slot, lengths in enumerate(cuts)}
    done = dict.fromkeys(texts, 0)
    left = {slot: list(lengths) for slot, lengths in enumerate(cuts)}
    while any(left.values()):
        spans = [Span(slot, done[slot], left[slot].pop(0)) for slot in texts if left[slot]]
        spans.sort(key=lambda span: span.count > 1)
        logits = packed(loaded, memory, spans, texts)
        for span, row in zip(spans, logits, strict=True):
            done[span.slot] = span.end
            wanted = plain(reference, texts[span.slot][: span.end])
            torch.testing.assert_close(row, wanted, rtol=1e-3, atol=2e-3)


@pytest.mark.parametrize("heads", [1, 2, 8])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_all_groupings_and_precisions_pass_the_probe(
    tmp_path: Path, heads: int, dtype: str
) -> None:
    folder = save_llama(tmp_path, num_key_value_heads=heads, initializer_range=0.05)
    loaded = load(folder, device="cpu", dtype=dtype)
    assert str(loaded.dtype) == f"torch.{dtype}"
    texts = {0: some_ids(random.Random(1), 40), 1: some_ids(random.Random(2), 9)}
    logits = []
    for paged in (False, True):
        memory = memory_for(loaded, paged=paged)
        packed(loaded, memory, [Span(0, 0, 39), Span(1, 0, 8)], texts)
        logits.append(packed(loaded, memory, [Span(0, 39, 1), Span(1, 8, 1)], texts))
    tolerance = 1e-4 if dtype == "float32" else 0.05
    torch.testing.assert_close(*logits, rtol=tolerance, atol=tolerance)
