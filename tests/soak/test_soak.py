"""Two hundred channels talk for some minutes, and nothing of the program grows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.soak.picture import draw
from tests.soak.run import soak
from tests.soak.samples import Sample, judge

SECONDS = 150.0
MOST_MEMORY = 1.35
"""Of the memory after the warm-up: a short run ends while the caches still fill."""


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_two_hundred_channels_leave_no_handle_and_no_task_behind(tmp_path: Path) -> None:
    done = await soak(tmp_path, channels=200, seconds=SECONDS, pause=20.0, every=2.0)
    verdicts = {each.figure: each for each in judge(done.samples)}
    assert done.talk.answered > 100
    assert done.talk.given_up == 0
    assert done.samples[-1].failed == 0
    assert done.complaints == []
    assert done.code == 0
    for figure in ("handles", "threads", "tasks"):
        assert verdicts[figure].flat, verdicts[figure]
    assert verdicts["own"].most <= MOST_MEMORY * verdicts["own"].first


def rising(per_second: float) -> list[Sample]:
    return [
        Sample(float(at), at, 0, 500 + per_second * at, 9.0, 30, 10, 20 + at % 5, 1.0)
        for at in range(0, 600, 5)
    ]


@pytest.mark.parametrize(("per_second", "flat"), [(0.0, True), (0.02, True), (0.2, False)])
def test_a_rising_memory_is_told_from_a_flat_one(per_second: float, *, flat: bool) -> None:
    verdicts = {each.figure: each.flat for each in judge(rising(per_second))}
    assert verdicts == {"own": flat, "handles": True, "threads": True, "tasks": True}


def test_what_rises_only_during_the_warm_up_is_flat() -> None:
    samples = [
        Sample(float(at), at, 0, min(500.0 + at, 750.0), 9.0, min(30 + at, 60), 10, 20, 1.0)
        for at in range(0, 600, 5)
    ]
    assert all(each.flat for each in judge(samples))


def test_handles_and_tasks_that_are_left_behind_are_seen() -> None:
    samples = [
        Sample(float(at), at, 0, 500.0, 9.0, 30 + at // 20, 10, 20 + at // 10, 1.0)
        for at in range(0, 600, 5)
    ]
    grown = {each.figure for each in judge(samples) if not each.flat}
    assert grown == {"handles", "tasks"}


def test_the_curves_are_drawn(tmp_path: Path) -> None:
    path = tmp_path / "soak.svg"
    draw(rising(0.1), path)
    assert path.read_text(encoding="utf-8").count("<path") > 10
