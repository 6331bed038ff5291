"""The crash drill in its short form: fifty kills, in two towns that may be tried side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drill.account import DOUBLED, LOST, STUCK, WRONG
from tests.drill.drill import drill

KILLS = 25


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("seed", [1, 2])
async def test_after_many_kills_nothing_is_lost_doubled_or_stuck(tmp_path: Path, seed: int) -> None:
    told: list[str] = []
    result = await drill(KILLS, seed=seed, folder=tmp_path, tell=told.append)
    account = result.account
    counts = {kind: account.count(kind) for kind in (LOST, DOUBLED, STUCK, WRONG)}
    assert counts == {LOST: 0, DOUBLED: 0, STUCK: 0, WRONG: 0}, "\n".join(result.stories)
    assert result.violations == []
    assert result.exit_code == 0
    assert len(result.kills) == KILLS
    assert sum(account.outcomes.values()) == result.said > KILLS
