"""The published figures hold for the checkpoint that ships."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from bot.demo.training.cases import HeldOut
from bot.demo.training.measure import Demonstration, table

PUBLISHED = Path(__file__).parents[2] / "benchmarks" / "results" / "demo-model.json"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_checkpoint_scores_what_is_published(demonstration: Demonstration) -> None:
    published = json.loads(PUBLISHED.read_text("utf-8"))["figures"]["all"]
    right, cases = table(demonstration.run(HeldOut().cases()))["all"]
    assert cases == published["of"]
    assert right / cases >= published["right"] / published["of"] - 0.02
