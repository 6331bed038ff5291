"""The sampler of fixed shapes: the same choices as the other one, and no word from the host."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from bot.generation.sampling.choosing import choose
from bot.generation.sampling.rows import Row
from bot.generation.sampling.tensors import SamplingTensors, sample
from bot.values import Sampling

from .test_sampling import PLAIN, SETTINGS, Case, cases

SIZE = 900


def rows_of(settings_of_rows: Sequence[Sampling], seed: int) -> list[Row]:
    return [Row(s, [2, 4, 5], random.Random(seed + i)) for i, s in enumerate(settings_of_rows)]


def sampled(logits: Tensor, rows: Sequence[Row], barred: Tensor | None = None) -> list[int | None]:
    tensors = SamplingTensors.allocate(*logits.shape, device=logits.device)
    tensors.load(rows, barred)
    tensors.roll(rows)
    return [None if token < 0 else token for token in sample(logits, tensors).tolist()]


@given(
    rows=st.lists(st.sampled_from(SETTINGS), min_size=1, max_size=10),
    seed=st.integers(0, 9999),
    spread=st.sampled_from([0.0, 0.3, 3.0]),
)
@settings(max_examples=80, deadline=None, derandomize=True)
def test_both_forms_choose_the_same_tokens(rows: list[Sampling], seed: int, spread: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(len(rows), SIZE, generator=generator) * spread
    barred = torch.tensor([0, 1, 7])
    chosen = choose(logits, rows_of(rows, seed), barred=barred)
    assert sampled(logits, rows_of(rows, seed), barred) == chosen


@given(case=cases(), seed=st.integers(0, 9999))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_both_forms_agree_on_whatever_comes(case: Case, seed: int) -> None:
    barred = torch.tensor(case.barred, dtype=torch.int64)
    chosen, same = (
        one(case.logits[None], [Row(case.sampling, case.tokens, random.Random(seed))], barred)
        for one in (lambda logits, rows, barred: choose(logits, rows, barred=barred), sampled)
    )
    assert same == chosen


def test_rows_that_draw_nothing_or_rank_nothing_need_no_sorting() -> None:
    logits = torch.randn(3, SIZE, generator=torch.Generator().manual_seed(6))
    for sampling, needs in (
        (replace(PLAIN, temperature=0.0), {"drawn": False}),
        (replace(PLAIN, min_p=0.1), {"ranked": False}),
    ):
        tensors = SamplingTensors.allocate(3, SIZE, device="cpu")
        rows = rows_of([sampling] * 3, seed=8)
        tensors.load(rows)
        tensors.roll(rows)
        assert torch.equal(sample(logits, tensors, **needs), sample(logits, tensors))


def test_step_after_step_the_penalty_follows_what_was_chosen() -> None:
    sampling = replace(PLAIN, repetition_penalty=1.4, temperature=0.7)
    tokens: list[list[int]] = [[1], [2, 3]]
    kept = [Row(sampling, own, random.Random(i)) for i, own in enumerate(tokens)]
    twins = [Row(sampling, own, random.Random(i)) for i, own in enumerate(tokens)]
    tensors = SamplingTensors.allocate(2, 12, device="cpu")
    tensors.load(kept)
    generator = torch.Generator().manual_seed(5)
    for _ in range(40):
        logits = torch.randn(2, 12, generator=generator)
        tensors.roll(kept)
        ids = sample(logits, tensors)
        assert ids.tolist() == choose(logits, twins)
        tensors.note(ids)
        for own, token in zip(tokens, ids.tolist(), strict=True):
            own.append(token)


def test_a_row_without_finite_numbers_has_no_id_and_leaves_no_trace() -> None:
    logits = torch.randn(3, 20)
    logits[0] = float("nan")
    logits[2, 5] = float("inf")
    tensors = SamplingTensors.allocate(3, 20, device="cpu")
    rows = rows_of([PLAIN, PLAIN, replace(PLAIN, top_p=0.5)], seed=1)
    tensors.load(rows)
    tensors.roll(rows)
    ids = sample(logits, tensors)
    tensors.note(ids)
    assert (ids < 0).tolist() == [True, False, True]
    assert tensors.seen.sum(-1).tolist() == [0, 1, 0]


def test_places_that_nobody_has_are_harmless_and_addresses_stay() -> None:
    tensors = SamplingTensors.allocate(4, 30, device="cpu")
    fields = (tensors.settings, tensors.uniform, tensors.seen, tensors.bias)
    before = [field.data_ptr() for field in fields]
    logits = torch.randn(4, 30)
    for rows in (rows_of(SETTINGS[:4], 3), rows_of([replace(PLAIN, top_k=2)], 3)):
        tensors.load(rows, torch.tensor([6]))
        tensors.roll(rows)
        assert (sample(logits, tensors) >= 0).all()
    logits[:, 6] = -torch.inf
    assert sample(logits, tensors)[1:].tolist() == logits[1:].argmax(-1).tolist()
    assert [field.data_ptr() for field in fields] == before


@pytest.mark.parametrize("ranked", [True, False])
def test_no_operation_asks_the_device_for_a_number(ranked: bool) -> None:
    """Tensors without content cannot answer: what waited for an answer would raise."""
    tensors = SamplingTensors.allocate(8, 500, device="meta")
    ids = sample(torch.empty(8, 500, device="meta"), tensors, ranked=ranked)
    tensors.note(ids)
    assert ids.shape == (8,)
    assert ids.device.type == "meta"


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_captured_graph_chooses_what_the_cpu_chooses() -> None:
    logits = torch.randn(len(SETTINGS), 32_000, generator=torch.Generator().manual_seed(2)) * 3
    static = logits.cuda()
    rows = rows_of(SETTINGS, 4)
    tensors = SamplingTensors.allocate(*logits.shape, device="cuda")
    tensors.load(rows)
    with torch.cuda.stream(torch.cuda.Stream()):
        sample(static, tensors)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        ids = sample(static, tensors)
    tensors.roll(rows)
    graph.replay()
    assert ids.tolist() == choose(logits, rows_of(SETTINGS, 4))
