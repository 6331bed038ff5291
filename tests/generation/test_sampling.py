"""The sampler against transformers' own processors, and against arithmetic."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    SequenceBiasLogitsProcessor,
    SuppressTokensLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from bot.generation.sampling.choosing import CANDIDATES, TOGETHER, choose
from bot.generation.sampling.rows import Row
from bot.values import Sampling

PLAIN = Sampling(temperature=1.0, top_p=1.0)
SETTINGS = [
    PLAIN,
    replace(PLAIN, temperature=0.0),
    replace(PLAIN, temperature=0.6, top_p=0.9),
    replace(PLAIN, top_k=3),
    replace(PLAIN, top_k=5, top_p=0.5, temperature=1.7),
    replace(PLAIN, min_p=0.2),
    replace(PLAIN, min_p=0.05, top_p=0.8, top_k=9, repetition_penalty=1.3),
    replace(PLAIN, top_p=0.0),
    replace(PLAIN, logit_bias=((3, 4.0), (5, -2.0)), top_p=0.95),
]
DRAWING = [sampling for sampling in SETTINGS if sampling.temperature]


class Fixed(random.Random):
    """Dice whose next number is known."""

    def __init__(self, number: float) -> None:
        super().__init__(0)
        self._number = number

    def random(self) -> float:
        return self._number


@dataclass(frozen=True)
class Case:
    """One row as it can come, ties and all."""

    logits: Tensor
    sampling: Sampling
    tokens: list[int]
    barred: list[int]

    def probabilities(self, nudge: float = 0.0) -> Tensor:
        return self.scores(self.sampling, nudge).softmax(-1)

    def scores(self, sampling: Sampling, nudge: float = 0.0) -> Tensor:
        return scores_of_transformers(self.logits, sampling, self.tokens, self.barred, nudge)


def of_transformers(logits: Tensor, sampling: Sampling, tokens: Sequence[int]) -> Tensor:
    """The probabilities that transformers would draw from."""
    return scores_of_transformers(logits, sampling, tokens, (), 0.0).softmax(-1)


def scores_of_transformers(
    logits: Tensor,
    sampling: Sampling,
    tokens: Sequence[int],
    barred: Sequence[int],
    nudge: float,
) -> Tensor:
    """What its processors make of the logits, in the order in which `generate` calls them.

    `nudge` moves the bounds by so little that only rounding could tell.
    """
    processors = LogitsProcessorList()
    if sampling.logit_bias:
        # Typed for lists alone, of which transformers 5.17 refuses those with token 0.
        bias: Any = {(token,): float(amount) for token, amount in sampling.logit_bias}
        processors.append(SequenceBiasLogitsProcessor(bias))
    processors.append(RepetitionPenaltyLogitsProcessor(sampling.repetition_penalty))
    if barred:
        processors.append(SuppressTokensLogitsProcessor(barred))
    processors.append(TemperatureLogitsWarper(sampling.temperature))
    if sampling.top_k:
        processors.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        processors.append(TopPLogitsWarper(min(max(sampling.top_p + nudge, 0.0), 1.0)))
    if sampling.min_p:
        processors.append(MinPLogitsWarper(min(max(sampling.min_p - nudge, 0.0), 1.0)))
    scores: Tensor = processors(torch.tensor([tokens]), logits[None].clone())  # type: ignore[arg-type]
    return scores[0]


def first_by_id(probability: Tensor, scores: Tensor) -> Tensor:
    """Where a bound goes through equals, transformers keeps any of them; here the first by id."""
    kept = probability > 0
    lowest = scores[kept].min()
    tied = (scores == lowest).nonzero()[:, 0]
    share = probability[tied].max()
    canonical = probability.clone()
    canonical[tied] = 0.0
    canonical[tied[: int(kept[tied].sum())]] = share
    return canonical


@st.composite
def cases(draw: st.DrawFn) -> Case:
    size = draw(st.sampled_from([2, 7, 40, CANDIDATES, CANDIDATES + 1, 3 * CANDIDATES]))
    spread = draw(st.sampled_from([0.0, 0.1, 1.0, 4.0, 12.0]))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10_000)))
    logits = torch.randn(size, generator=generator) * spread
    if draw(st.booleans()):
        logits = (logits * 2).round() / 2
    ids = st.integers(0, size - 1)
    sampling = Sampling(
        temperature=draw(st.floats(0.05, 5.0)),
        top_k=draw(st.one_of(st.just(0), st.integers(1, size + 3))),
        top_p=draw(st.one_of(st.just(1.0), st.floats(0.0, 1.0))),
        min_p=draw(st.one_of(st.just(0.0), st.floats(0.0, 1.0))),
        repetition_penalty=draw(st.one_of(st.just(1.0), st.floats(0.3, 3.0))),
        logit_bias=tuple(draw(st.lists(st.tuples(ids, st.floats(-9.0, 9.0)), max_size=4))),
    )
    tokens = draw(st.lists(ids, min_size=1, max_size=12))
    return Case(logits, sampling, tokens, draw(st.lists(ids, max_size=size // 3, unique=True)))


@given(case=cases())
@settings(max_examples=150, deadline=None)
def test_every_token_has_the_probability_that_transformers_gives_it(case: Case) -> None:
    """A token's part of [0, 1) begins and ends where transformers' probabilities say, to 1e-5."""
    below, above = case.probabilities(-2e-6), case.probabilities(2e-6)
    assume(torch.equal(below > 0, above > 0))
    plain = replace(case.sampling, top_p=1.0, top_k=0, min_p=0.0)
    ends = first_by_id(case.probabilities(), case.scores(plain)).double().cumsum(0)
    starts = torch.cat([torch.zeros(1), ends[:-1]])
    asked = [
        (token, number)
        for token in (ends - starts > 4e-5).nonzero()[:, 0].tolist()[-60:]
        for number in (starts[token].item() + 1e-5, ends[token].item() - 1e-5)
    ]
    rows = [Row(case.sampling, case.tokens, Fixed(number)) for _, number in asked]
    barred = torch.tensor(case.barred, dtype=torch.int64)
    chosen = choose(case.logits.repeat(len(rows), 1), rows, barred=barred)
    assert chosen == [token for token, _ in asked]


@pytest.mark.slow
@pytest.mark.parametrize("sampling", DRAWING, ids=str)
def test_draws_follow_the_distribution(sampling: Sampling) -> None:
    """Chi-square over a fixed seed."""
    logits = torch.randn(40, generator=torch.Generator().manual_seed(1)) * 2
    tokens, count = [3, 7, 7, 21, 39], 6000
    row = Row(sampling, tokens, random.Random(5))
    drawn = Counter(choose(logits.repeat(count, 1), [row] * count))
    expected = of_transformers(logits, sampling, tokens).mul(count).tolist()
    common = [token for token, times in enumerate(expected) if times >= 5]
    rest = count - sum(drawn[token] for token in common)
    terms = [(drawn[token] - expected[token]) ** 2 / expected[token] for token in common]
    freedom = max(1, len(common) - 1)
    assert sum(terms) < freedom + 4 * (2 * freedom) ** 0.5 + 4
    assert rest <= 5 * len(expected)
    assert all(drawn[token] == 0 for token, times in enumerate(expected) if times == 0)


def test_a_flat_distribution_reaches_the_whole_vocabulary() -> None:
    size, dice = 3 * CANDIDATES, random.Random(4)
    for sampling in (PLAIN, replace(PLAIN, top_p=0.999)):
        drawn = choose(torch.zeros(3000, size), [Row(sampling, [0], dice)] * 3000)
        assert len({token for token in drawn if token is not None}) > 0.9 * size


def test_top_p_leaves_out_the_token_before_which_the_bound_is_reached() -> None:
    logits = torch.tensor([0.25, 0.5, 0.25]).log()
    for bound, kept in ((0.49, {1}), (0.51, {0, 1}), (0.74, {0, 1}), (0.76, {0, 1, 2})):
        row = Row(replace(PLAIN, top_p=bound), [0], random.Random(1))
        assert set(choose(logits.repeat(200, 1), [row] * 200)) == kept


@pytest.mark.parametrize("top_k", [CANDIDATES - 1, CANDIDATES, CANDIDATES + 1, 2 * CANDIDATES])
@pytest.mark.parametrize("tied", [False, True])
def test_top_p_counts_within_all_that_top_k_keeps(top_k: int, tied: bool) -> None:
    """However many that are, and with all the tokens that share the last one's score."""
    size = 3 * CANDIDATES
    logits = torch.zeros(size) if tied else torch.linspace(0.0, 1e-3, size).flip(0)
    kept = round(0.5 * (size if tied else top_k))
    sampling = replace(PLAIN, top_k=top_k, top_p=0.5)
    rows = [Row(sampling, [0], Fixed((place + 0.5) / kept)) for place in range(kept)]
    chosen = {token for token in choose(logits.repeat(kept, 1), rows) if token is not None}
    assert len(chosen) >= 0.99 * kept
    assert kept - 2 <= max(chosen) <= kept + 1


def test_temperature_zero_and_below_take_the_likeliest() -> None:
    logits = torch.randn(30, 50)
    for temperature in (0.0, -1.0):
        row = Row(replace(PLAIN, temperature=temperature), [1], random.Random(1))
        assert choose(logits, [row] * 30) == logits.argmax(-1).tolist()


def test_the_greedy_choice_is_made_after_penalty_and_bias() -> None:
    logits = torch.tensor([[2.0, 1.9, -1.0]])
    greedy = replace(PLAIN, temperature=0.0)
    penalised = Row(replace(greedy, repetition_penalty=1.2), [0], random.Random(1))
    biased = Row(replace(greedy, logit_bias=((2, 3.5),)), [0], random.Random(1))
    assert choose(logits, [penalised]) == [1]
    assert choose(logits, [biased]) == [2]


@pytest.mark.parametrize("sampling", SETTINGS, ids=str)
def test_a_barred_token_is_never_chosen(sampling: Sampling) -> None:
    logits = torch.tensor([9.0, 8.0, 0.1, 0.2, 0.3, 0.4])
    favoured = replace(sampling, logit_bias=((0, 50.0),))
    row = Row(favoured, [4], random.Random(2))
    chosen = choose(logits.repeat(100, 1), [row] * 100, barred=torch.tensor([0, 1]))
    assert {0, 1}.isdisjoint(chosen)
    assert None not in chosen


def test_a_row_that_may_choose_nothing_has_no_token() -> None:
    row = Row(PLAIN, [0], random.Random(1))
    assert choose(torch.randn(1, 3), [row], barred=torch.arange(3)) == [None]


def test_a_row_that_is_kept_counts_the_tokens_that_come() -> None:
    sampling = replace(PLAIN, repetition_penalty=1.5, temperature=0.0)
    tokens = [3]
    kept = Row(sampling, tokens, random.Random(1))
    generator = torch.Generator().manual_seed(3)
    for _ in range(30):
        logits = torch.randn(1, 8, generator=generator)
        fresh = Row(sampling, list(tokens), random.Random(1))
        [token] = choose(logits, [kept])
        assert [token] == choose(logits, [fresh])
        assert token is not None
        tokens.append(token)


@given(
    rows=st.lists(st.sampled_from(SETTINGS), min_size=1, max_size=TOGETHER + 4),
    at=st.integers(0, TOGETHER + 3),
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


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_the_logits_stay_as_they_were(dtype: torch.dtype) -> None:
    logits = torch.randn(len(SETTINGS), 700).to(dtype)[:, :600]
    before = logits.clone()
    chosen = choose(
        logits, [Row(s, [1, 2], random.Random(1)) for s in SETTINGS], barred=torch.tensor([5])
    )
    assert None not in chosen
    assert torch.equal(logits, before)


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
    top_k=st.one_of(st.integers(0, 10_000), st.just(10**400)),
    min_p=st.floats(0.0, 1.0),
    penalty=st.floats(0.01, 100.0),
    number=st.sampled_from([0.0, 0.3, 1 - 2**-53]),
)
@settings(max_examples=100, deadline=None)
def test_every_sane_setting_gives_a_token(
    temperature: float, top_p: float, top_k: int, min_p: float, penalty: float, number: float
) -> None:
    sampling = Sampling(1, temperature, top_p, top_k, min_p, penalty)
    logits = torch.randn(2, 1500, generator=torch.Generator().manual_seed(top_k % 999)) * 20
    chosen = choose(logits, [Row(sampling, [0, 1499], Fixed(number))] * 2)
    assert all(token is not None and 0 <= token < 1500 for token in chosen)
