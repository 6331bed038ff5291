"""What a day allows: whom an answer counts for, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.conftest import set_up
from tests.contract.stage import Stage
from tests.contract.test_contract import finished

PLATFORMS = pytest.mark.parametrize("platform", ["discord", "slack"])


async def test_what_is_used_elsewhere_does_not_count_against_a_channels_limit(
    stage: Stage,
) -> None:
    for number in range(3):
        _, private = await stage.writes("bob", f"message {number}")
        await stage.shown(private, lambda shown, n=number: len(shown) == n + 1)  # type: ignore[misc]
        await stage.offers(private, "Regenerate")
    await stage.uses("chief", "limits", person_messages=2)
    assert "(this channel): 0 of 2 used, 2 left" in await stage.uses("bob", "usage")
    _, where = await stage.mentions("bob", "hello")
    await stage.shown(where, finished("You said: Bob: hello"))
    await stage.quiet()
    assert "(this channel): 1 of 2 used, 1 left" in await stage.uses("bob", "usage")


@PLATFORMS
async def test_another_answer_counts_for_whoever_wanted_it(
    platform: str, small_model: Path, tmp_path: Path
) -> None:
    bound = {"person_messages": 2}
    async with set_up(platform, small_model, tmp_path, limits=bound) as stage:
        _, where = await stage.mentions("ann", "hello")
        await stage.offers(where, "Regenerate")
        for _ in range(2):
            await stage.presses("chief", where, "Regenerate")
            await stage.offers(where, "Regenerate")
        assert "begins anew" in await stage.presses("chief", where, "Regenerate")
        assert "(everywhere): 2 of 2 used, 0 left" in await stage.uses("chief", "usage")
        assert "(everywhere): 1 of 2 used, 1 left" in await stage.uses("ann", "usage")
        await stage.goes_on("ann", where, "and again")
        await stage.shown(where, lambda shown: shown[-1:] == ["You said: Ann: and again"])
