"""What a checkpoint never wants to say is not said, in transformers' own meaning of it."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import NoBadWordsLogitsProcessor

from bot.errors import ModelLoadError
from bot.generation.generator import LocalGenerator
from bot.generation.sampling.bad_words import BadWords
from bot.generation.sampling.choosing import choose
from bot.generation.sampling.penalties import adjust, places
from bot.generation.sampling.rows import Row
from bot.generation.sampling.tensors import SamplingTensors, sample
from bot.generation.weights.loading import load
from tests.generation.speaking import (
    EOS,
    GREEDY,
    Characters,
    Reference,
    ask,
    some_ids,
    spelled,
)
from tests.generation.test_sampling import SETTINGS

SIZE = 6
IDS = st.integers(0, SIZE - 1)
WORDS = st.lists(st.lists(IDS, min_size=1, max_size=4), min_size=1, max_size=8)


def bad_words(words: Sequence[Sequence[int]]) -> BadWords:
    return BadWords(words, vocab_size=SIZE, eos_ids=frozenset({EOS}))


def barred(words: BadWords) -> Tensor:
    return torch.tensor(sorted(words.alone), dtype=torch.int64)


@given(words=WORDS, tokens=st.lists(IDS, min_size=1, max_size=9))
@settings(max_examples=100, deadline=None)
def test_the_tokens_that_transformers_bars_are_barred(
    words: list[list[int]], tokens: list[int]
) -> None:
    processor = NoBadWordsLogitsProcessor(words, torch.tensor([EOS]))
    scores: Tensor = processor(torch.tensor([tokens]), torch.zeros(1, SIZE))
    ours = bad_words(words)
    row = Row(GREEDY, tokens, random.Random(1))
    assert torch.equal(adjust(torch.zeros(1, SIZE), [row], barred(ours), ours), scores)


@given(
    words=WORDS,
    tokens=st.lists(st.lists(IDS, min_size=1, max_size=9), min_size=1, max_size=9),
    seed=st.integers(0, 999),
)
@settings(max_examples=100, deadline=None)
def test_both_forms_of_sampling_know_them(
    words: list[list[int]], tokens: list[list[int]], seed: int
) -> None:
    logits = torch.randn(len(tokens), SIZE, generator=torch.Generator().manual_seed(seed))
    ours = bad_words(words)

    def rows() -> list[Row]:
        return [
            Row(SETTINGS[(seed + at) % len(SETTINGS)], some, random.Random(seed + at))
            for at, some in enumerate(tokens)
        ]

    tensors = SamplingTensors.allocate(*logits.shape, device="cpu")
    tensors.load(given := rows(), barred(ours))
    tensors.bar(places(ours, given, SIZE))
    tensors.roll(given)
    ids = [None if token < 0 else token for token in sample(logits, tensors).tolist()]
    assert choose(logits, rows(), barred=barred(ours), bad_words=ours) == ids


def with_bad_words(checkpoint: Path, folder: Path, words: object) -> Path:
    shutil.copytree(checkpoint, folder)
    path = folder / "generation_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"bad_words_ids": words}))
    return folder


def pairs(answer: Sequence[int]) -> set[tuple[int, int]]:
    return set(pairwise(answer))


async def test_an_answer_goes_round_them_as_generate_does(
    checkpoint: Path, reference: Reference, tmp_path: Path, paged: bool
) -> None:
    asked = [some_ids(random.Random(seed), 5 + seed) for seed in range(6)]
    free = [reference.greedy(ids, 24) for ids in asked]
    words = [*([answer[2], answer[3]] for answer in free[:3]), [free[3][1]], [EOS], [5, 99_999]]
    folder = with_bad_words(checkpoint, tmp_path / "polite", words[:-1])
    polite = Reference(folder)
    generator = LocalGenerator(
        load(with_bad_words(checkpoint, tmp_path / "ours", words), device="cpu"),
        Characters(),
        paged=paged,
    )
    answers = await asyncio.gather(*(ask(generator, ids, where=str(ids)) for ids in asked))
    await generator.close()
    given = [spelled(text) for text, _ in answers]
    assert given == [polite.greedy(ids, 24) for ids in asked]
    assert given[:3] != free[:3]
    assert not {(word[0], word[1]) for word in words[:3]} & set().union(*map(pairs, given))
    assert free[3][1] not in set().union(*map(set, given))


async def test_what_the_prompt_began_is_not_completed(
    checkpoint: Path, reference: Reference, tmp_path: Path
) -> None:
    ids = some_ids(random.Random(7), 12)
    first = reference.greedy(ids, 1)[0]
    words = [[*ids[-2:], first]]
    loaded = load(with_bad_words(checkpoint, tmp_path / "polite", words), device="cpu")
    generator = LocalGenerator(loaded, Characters())
    text, _ = await ask(generator, ids, replace(GREEDY, max_new_tokens=1))
    await generator.close()
    assert spelled(text) != [first]


@pytest.mark.parametrize("words", [[[]], ["rude"], [3], [["rude"]], "rude"], ids=str)
def test_a_list_that_is_none_is_refused_in_words(
    checkpoint: Path, tmp_path: Path, words: object
) -> None:
    folder = with_bad_words(checkpoint, tmp_path / "wrong", words)
    with pytest.raises(ModelLoadError, match=r"bad_words_ids .* must be lists of ids"):
        load(folder, device="cpu")
