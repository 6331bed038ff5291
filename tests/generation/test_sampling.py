"""The sampler against transformers' own processors, and against arithmetic."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from bot.generation.sampling import CANDIDATES, Row, choose
from bot.values import Sampling

PLAIN = Sampling(temperature=1.0, top_p=1.0)
SETTINGS = [
    PLAIN,
    replace(PLAIN, temperature=0.6, top_p=0.9),
    replace(PLAIN, top_k=3),
    replace(PLAIN, top_k=5, top_p=0.5, temperature=1.7),
    replace(PLAIN, min_p=0.2),
    replace(PLAIN, min_p=0.05, top_p=0.8, top_k=9, repetition_penalty=1.3),
    replace(PLAIN, top_p=0.0),
]


def of_transformers(logits: Tensor, sampling: Sampling, tokens: list[int]) -> Tensor:
    """The probabilities that transformers would draw from."""
    processors = LogitsProcessorList()
    processors.append(RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
    processors.append(TemperatureLogitsWarper(sampling.temperature))
    if sampling.top_k:
        processors.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        processors.append(TopPLogitsWarper(sampling.top_p))
    if sampling.min_p:
        processors.append(MinPLogitsWarper(sampling.min_p))
    scores: Tensor = processors(torch.tensor([tokens]), logits[None].clone())  # type: ignore[arg-type]
    return scores.softmax(-1)[0]


@pytest.mark.parametrize("sampling", SETTINGS, ids=str)
def test_drawn_tokens_have_the_probabilities_of_transformers(sampling: Sampling) -> None:
    logits = torch.randn(40, generator=torch.Generator().manual_seed(1)) * 2
    tokens = [3, 7, 7, 21, 39]
    dice, count = random.Random(5), 6000
    row = Row(sampling, tokens, dice)
    drawn: Counter[int | None] = Counter()
    for _ in range(6):
        drawn.update(choose(logits.repeat(count // 6, 1), [row] * (count // 6)))
    expected = of_transformers(logits, sampling, tokens)
    for token, probability in enumerate(expected.tolist()):
        spread = (probability * (1 - probability) / count) ** 0.5
        assert abs(drawn[token] / count - probability) <= 5 * spread + 1e-9


@pytest.mark.parametrize("sampling", SETTINGS, ids=str)
def test_a_large_vocabulary_keeps_the_tokens_that_transformers_keeps(sampling: Sampling) -> None:
    size = 4 * CANDIDATES
    logits = torch.randn(size, generator=torch.Generator().manual_seed(2))
    kept = of_transformers(logits, sampling, [5]) > 0
    dice = random.Random(3)
    for token in choose(logits.repeat(400, 1), [Row(sampling, [5], dice)] * 400):
        assert token is not None
        assert kept[token]


def test_a_flat_distribution_reaches_the_whole_vocabulary() -> None:
    size, dice = 3 * CANDIDATES, random.Random(4)
    drawn = choose(torch.zeros(3000, size), [Row(PLAIN, [0], dice)] * 3000)
    assert len({token for token in drawn if token is not None and token >= size // 2}) > 700


def test_top_p_keeps_the_token_that_crosses_the_bound_as_meta_does() -> None:
    logits = torch.tensor([0.5, 0.25, 0.25]).log()
    # Before the second token lies exactly 0.5, which is not more than p: Meta keeps it.
    row = Row(replace(PLAIN, top_p=0.5), [0], random.Random(1))
    drawn = set(choose(logits.repeat(200, 1), [row] * 200))
    assert len(drawn) == 2
    assert 0 in drawn


def test_temperature_zero_and_below_take_the_likeliest() -> None:
    logits = torch.randn(30, 50)
    for temperature in (0.0, -1.0):
        row = Row(replace(PLAIN, temperature=temperature), [1], random.Random(1))
        assert choose(logits, [row] * 30) == logits.argmax(-1).tolist()


def test_the_greedy_choice_is_made_after_the_repetition_penalty() -> None:
    logits = torch.tensor([[2.0, 1.9, -1.0]])
    row = Row(replace(PLAIN, temperature=0.0, repetition_penalty=1.2), [0], random.Random(1))
    assert choose(logits, [row]) == [1]


@given(
    rows=st.lists(st.sampled_from(SETTINGS), min_size=1, max_size=6),
    at=st.integers(0, 5),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=60, deadline=None)
def test_a_rows_choice_does_not_depend_on_the_others(
    rows: list[Sampling], at: int, seed: int
) -> None:
    at %= len(rows)
    logits = torch.randn(len(rows), 3000, generator=torch.Generator().manual_seed(seed % 99)) * 3
    together = choose(logits, [Row(s, [2, 4], random.Random(seed)) for s in rows])
    alone = choose(logits[at : at + 1], [Row(rows[at], [2, 4], random.Random(seed))])
    assert together[at] == alone[0]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_logits_that_are_no_numbers_spoil_their_own_row_only(bad: float) -> None:
    logits = torch.randn(3, 20)
    logits[1, 4] = bad
    row = Row(PLAIN, [1], random.Random(1))
    chosen = choose(logits, [row] * 3)
    assert chosen[1] is None
    assert chosen[0] is not None
    assert chosen[2] is not None


@given(
    temperature=st.floats(0.0, 100.0),
    top_p=st.floats(0.0, 1.0),
    top_k=st.integers(0, 10_000),
    min_p=st.floats(0.0, 1.0),
    penalty=st.floats(0.01, 100.0),
)
@settings(max_examples=100, deadline=None)
def test_every_sane_setting_gives_a_token(
    temperature: float, top_p: float, top_k: int, min_p: float, penalty: float
) -> None:
    sampling = Sampling(1, temperature, top_p, top_k, min_p, penalty)
    logits = torch.randn(2, 1500, generator=torch.Generator().manual_seed(top_k)) * 20
    chosen = choose(logits, [Row(sampling, [0, 1499], random.Random(top_k))] * 2)
    assert all(token is not None and 0 <= token < 1500 for token in chosen)
