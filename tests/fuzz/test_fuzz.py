"""A short run of the fuzzer, and that it finds what it is there to find."""

from __future__ import annotations

import random
import re
import unicodedata
from pathlib import Path

import pytest

from bot.prompt.formats import LLAMA_2_TAGS, neutralise
from tests.fuzz import hostile
from tests.fuzz.draws import Draws, changed
from tests.fuzz.engine import try_out
from tests.fuzz.findings import FINDINGS
from tests.fuzz.targets import Target, every

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("target", every(), ids=lambda target: target.name)
def test_a_short_run_finds_nothing(target: Target) -> None:
    seed = random.getrandbits(64)
    trial = try_out(target.work, 12 * target.share, random.Random(seed))
    assert trial.finding is None, f"seed {seed}: {target.promise}\n{trial.finding}"
    assert trial.cases == 12 * target.share
    assert trial.ways


@pytest.mark.slow
@pytest.mark.parametrize("target", every(), ids=lambda target: target.name)
def test_a_longer_run_finds_nothing(target: Target) -> None:
    seed = random.getrandbits(64)
    trial = try_out(target.work, 400 * target.share, random.Random(seed))
    assert trial.finding is None, f"seed {seed}: {target.promise}\n{trial.finding}"


def careless(draws: Draws) -> None:
    """Looks for tags before the vocabulary normalises the text."""
    text = neutralise(hostile.text(draws), LLAMA_2_TAGS)
    assert not any(tag in unicodedata.normalize("NFKC", text) for tag in LLAMA_2_TAGS)


def test_what_is_careless_is_found_and_cut_down_to_what_is_needed() -> None:
    trial = try_out(careless, 50_000, random.Random(1))
    assert trial.finding is not None
    assert len(trial.finding.choices) < 16
    with pytest.raises(AssertionError):
        careless(Draws(trial.finding.choices))


def narrow(draws: Draws) -> None:
    """Reached by blind chance once in sixteen million cases, step by step soon."""
    text = "".join(draws.pick("abcdefghijklmnop") for _ in range(6))
    passed = neutralise(text, ["a"] if text[0] == "b" else ["bb"] if text[1] == "c" else [])
    assert passed[:3] != "bcd"


def test_a_case_that_goes_a_new_way_is_kept_and_changed() -> None:
    trial = try_out(narrow, 4000, random.Random(1))
    assert len(trial.kept) >= 2
    assert len(trial.kept) < trial.cases / 10


def test_a_case_is_the_same_whenever_it_is_tried() -> None:
    draws = Draws((), random.Random(5))
    text = hostile.text(draws)
    assert hostile.text(Draws(draws.made)) == text
    other = changed(draws.made, [draws.made], random.Random(6))
    assert hostile.text(Draws(other)) == hostile.text(Draws(other))


def test_every_finding_names_a_test_that_is_there() -> None:
    for finding in FINDINGS:
        file, _, name = finding.test.partition("::")
        assert re.search(rf"def {name}\(", (ROOT / file).read_text(encoding="utf-8")), finding.test
