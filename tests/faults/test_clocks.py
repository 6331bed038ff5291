"""The machine's clock and the platform's differ by hours, or the machine's jumps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.conftest import play
from tests.faults.discord_trouble import DiscordTrouble
from tests.faults.trouble import Scene, story

HOURS = 3 * 3600.0


@pytest.mark.parametrize("ahead", [HOURS, -HOURS])
async def test_a_platform_whose_clock_is_hours_off_is_answered_and_a_restart_goes_on(
    scene: Scene, ahead: float
) -> None:
    scene.trouble.skew(ahead)
    script, _ = story("Once", " upon a time.")
    scene.stage.generator.script = lambda _: script
    _, where = await scene.asks()
    await scene.begun(where, "Once")
    scene.stage.generator.script = lambda _: ["Once upon a time."]
    await scene.stage.restarts()
    await scene.shows(where, "Once upon a time.")
    await scene.stage.settled()
    assert scene.endings() == [("delivered", "")]


@pytest.mark.parametrize("ahead", [HOURS, -HOURS])
async def test_commands_are_carried_out_while_the_clocks_are_hours_apart(
    scene: Scene, ahead: float
) -> None:
    scene.trouble.skew(ahead)
    scene.stage.generator.script = lambda _: ["Once upon a time."]
    _, where = await scene.asks()
    await scene.shows(where, "Once upon a time.")
    assert "1" in await scene.stage.uses("ann", "usage")


@pytest.mark.parametrize("ahead", [HOURS, -HOURS])
async def test_limits_are_kept_by_how_long_they_last_not_by_the_hour_they_end(
    ahead: float, small_model: Path, tmp_path: Path
) -> None:
    async with play("discord", small_model, tmp_path) as scene:
        assert isinstance(scene.trouble, DiscordTrouble)
        scene.trouble.skew(ahead)
        scene.trouble.server.limits.edits(2, 1.0)
        scene.stage.generator.script = lambda _: [f"word{number} " for number in range(300)]
        _, where = await scene.asks()
        await scene.says(where, lambda text: text.endswith("word299"))
        await scene.stage.quiet()
        assert scene.stage.refused() == 0
        assert scene.endings() == [("delivered", "")]
