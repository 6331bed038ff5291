"""What is refused before it reaches the model."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from bot.errors import Refused, TooLong
from bot.generation.generator import LocalGenerator
from bot.generation.request import check_request
from bot.generation.weights.loading import LoadedModel
from bot.values import FinishReason, Sampling
from tests.generation.speaking import (
    GREEDY,
    VOCABULARY,
    Characters,
    Reference,
    ask,
    place,
    prompt,
    read,
    spelled,
)

CONTROL = frozenset({9})
BAD_SETTINGS: list[dict[str, Any]] = [
    {"max_new_tokens": 0},
    {"max_new_tokens": -5},
    {"max_new_tokens": 1.5},
    {"temperature": math.nan},
    {"temperature": math.inf},
    {"temperature": 101.0},
    {"temperature": "hot"},
    {"temperature": None},
    {"top_p": -0.1},
    {"top_p": 1.1},
    {"top_p": math.nan},
    {"top_k": -1},
    {"top_k": 2.0},
    {"min_p": 2.0},
    {"repetition_penalty": 0.0},
    {"repetition_penalty": -1.0},
    {"repetition_penalty": math.inf},
    {"seed": "x"},
    {"stop": ("",)},
    {"stop": ("x" * 201,)},
    {"stop": ("x",) * 33},
    {"stop": "text"},
    {"stop": (3,)},
    {"logit_bias": ((10, 1.0),)},
    {"logit_bias": ((-1, 1.0),)},
    {"logit_bias": ((2.5, 1.0),)},
    {"logit_bias": ((2, math.nan),)},
    {"logit_bias": ((2, math.inf),)},
    {"logit_bias": ((2, 101.0),)},
    {"logit_bias": ((2, 1.0), (2, 2.0))},
    {"logit_bias": ((2,),)},
    {"logit_bias": ((9, 0.5),)},
]
BAD_IDS: list[Any] = [[], [-1], [0, VOCABULARY], [10**12], [0.5], ["a"], [None]]


@pytest.mark.parametrize("change", BAD_SETTINGS, ids=str)
def test_an_unsound_setting_is_refused_by_name(change: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=next(iter(change))):
        check_request(
            [1], replace(Sampling(), **change), vocab_size=10, context=10, control_ids=CONTROL
        )


@pytest.mark.parametrize("ids", BAD_IDS, ids=str)
async def test_unsound_ids_are_refused_and_others_go_on(
    generator: LocalGenerator, reference: Reference, ids: list[Any]
) -> None:
    running = generator.generate(prompt([0, 5, 9]), GREEDY, place("other"))
    with pytest.raises(Refused):
        generator.generate(prompt(ids), GREEDY, place())
    text = "".join([delta async for delta in running])
    assert len(text) == len(reference.greedy([0, 5, 9], 24))


async def test_a_prompt_that_fills_the_context_is_too_long(generator: LocalGenerator) -> None:
    with pytest.raises(TooLong):
        generator.generate(prompt([5] * generator.context), GREEDY, place())
    text, _ = await ask(generator, [5] * (generator.context - 1))
    assert len(text) <= 1


def test_the_length_is_cut_to_what_the_context_leaves() -> None:
    sampling = Sampling(max_new_tokens=512)
    assert check_request([1] * 90, sampling, vocab_size=10, context=100).max_new_tokens == 10
    assert check_request([1] * 9, sampling, vocab_size=10, context=1000).max_new_tokens == 512


def test_control_tokens_may_be_held_back_but_not_favoured() -> None:
    held = replace(Sampling(), logit_bias=((9, -5.0), (3, 5.0)))
    checked = check_request([1], held, vocab_size=10, context=10, control_ids=CONTROL)
    assert checked.logit_bias == held.logit_bias


async def test_an_adapter_that_the_model_lacks_is_refused_by_name(
    generator: LocalGenerator,
) -> None:
    with pytest.raises(Refused, match="pirate"):
        generator.generate(prompt([0, 5]), GREEDY, place(), adapter="pirate")


async def test_stop_strings_of_the_settings_join_those_of_the_prompt(
    generator: LocalGenerator, reference: Reference
) -> None:
    whole = Characters().decode(reference.greedy([0, 5, 9], 24))
    for ours, theirs in ((whole[3:5], whole[9]), (whole[9], whole[3:5])):
        sampling = replace(GREEDY, stop=(ours,))
        answer = generator.generate(prompt([0, 5, 9], stops=(theirs,)), sampling, place())
        text, _ = await read(answer)
        assert text == whole[: min(whole.index(ours), whole.index(theirs))]


async def test_an_answer_in_circles_ends_and_says_how_much_of_it_is_good(
    loaded: LoadedModel, paged: bool
) -> None:
    generator = LocalGenerator(loaded, Characters(), repeats=120, paged=paged)
    same = replace(GREEDY, max_new_tokens=400, logit_bias=((9, 100.0),))
    text, finish = await ask(generator, [0, 5], same)
    assert finish.reason is FinishReason.REPEATED
    assert spelled(text[: len(text) - finish.surplus]) == [9]
    assert finish.tokens < 100
    text, finish = await ask(generator, [0, 5], replace(GREEDY, max_new_tokens=100))
    assert (finish.reason, finish.surplus) == (FinishReason.LENGTH, 0)
    await generator.close()
    assert generator.stats().running == 0
