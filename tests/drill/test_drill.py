"""The crash drill in its short form."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.drill.account import DOUBLED, LOST, STUCK, WRONG
from tests.drill.drill import drill

KILLS = 50


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_after_fifty_kills_nothing_is_lost_doubled_or_stuck(tmp_path: Path) -> None:
    told: list[str] = []
    result = await drill(KILLS, seed=1, folder=tmp_path, tell=told.append)
    account = result.account
    counts = {kind: account.count(kind) for kind in (LOST, DOUBLED, STUCK, WRONG)}
    assert counts == {LOST: 0, DOUBLED: 0, STUCK: 0, WRONG: 0}, "\n".join(result.stories)
    assert result.violations == []
    assert result.exit_code == 0
    assert len(result.kills) == KILLS
    assert sum(account.outcomes.values()) == result.said > KILLS
