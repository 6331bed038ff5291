"""Faults that pass: whatever strikes a request, one whole answer stands in the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.board import echo
from tests.faults.conftest import play
from tests.faults.trouble import PASSING, Scene, story

WHOLE = "Once upon a time."


async def one_whole_answer(scene: Scene, moment: str, strike: str) -> None:
    script, (first, second) = story("Once", " upon", " a time.")
    scene.stage.generator.script = lambda _: script
    fault = scene.strike(PASSING[strike], moment) if moment == "begin" else None
    _, where = await scene.asks()
    if fault is None:
        await scene.begun(where, "Once")
        fault = scene.strike(PASSING[strike], moment)
    else:
        await fault.reached()
    first.set()
    if moment == "grow":
        await fault.reached()
    second.set()
    await fault.reached()
    await scene.shows(where, WHOLE)
    await scene.stage.quiet()
    assert scene.endings() == [("delivered", "")]
    assert scene.stage.rows("SELECT count(*) FROM reply_parts") == [(1,)]
    scene.stage.generator.script = echo
    await scene.answers_the_next(where, WHOLE)
    await scene.stage.settled()
    assert scene.states() == ["delivered", "delivered"]


@pytest.mark.parametrize(
    "strike",
    # Until an answer that does not come is given up, seconds pass.
    [pytest.param(each, marks=[pytest.mark.slow] * ("no answer" in each)) for each in PASSING],
)
@pytest.mark.parametrize("moment", ["begin", "end"])
async def test_a_passing_fault_leaves_one_whole_answer(
    scene: Scene, moment: str, strike: str
) -> None:
    await one_whole_answer(scene, moment, strike)


@pytest.mark.slow
@pytest.mark.parametrize("strike", PASSING)
@pytest.mark.parametrize(
    ("platform", "moment"),
    [
        ("discord", "grow"),
        ("slack", "grow"),
        ("slack by edits", "begin"),
        ("slack by edits", "grow"),
        ("slack by edits", "end"),
    ],
)
async def test_a_passing_fault_of_a_growing_answer_leaves_it_whole(
    platform: str, moment: str, strike: str, small_model: Path, tmp_path: Path
) -> None:
    async with play(platform, small_model, tmp_path) as scene:
        await one_whole_answer(scene, moment, strike)
