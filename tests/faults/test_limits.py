"""Too many requests: for long, for everybody, and for longer than an answer is worth."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.errors import Throttled
from tests.board import echo
from tests.faults.conftest import SOON, play
from tests.faults.discord_trouble import CREATE
from tests.faults.trouble import Scene, story
from tests.loopback.faults import Fault

EVER = 1_000_000


@pytest.mark.slow
async def test_a_limit_of_forty_seconds_delays_the_end_of_an_answer_and_loses_nothing(
    scene: Scene,
) -> None:
    script, (go,) = story("Once", " upon a time.")
    scene.stage.generator.script = lambda _: script
    _, where = await scene.asks()
    await scene.begun(where, "Once")
    limit = scene.trouble.faults.refuse(*scene.trouble.moments["end"], 40.0)
    go.set()
    await limit.reached()
    await scene.stage.shown(where, lambda shown: shown == ["Once upon a time."], seconds=60)
    await scene.stage.settled()
    assert scene.endings() == [("delivered", "")]


async def test_a_limit_for_longer_than_an_answer_is_worth_ends_it_with_the_reason(
    scene: Scene,
) -> None:
    script, (go,) = story("Once", " upon a time.")
    scene.stage.generator.script = lambda _: script
    _, where = await scene.asks()
    await scene.begun(where, "Once")
    scene.trouble.faults.refuse(*scene.trouble.moments["end"], 3600.0, times=EVER)
    go.set()
    await scene.stage.quiet()
    [(state, reason)] = scene.endings()
    assert state == "failed"
    assert Throttled.__name__ in reason


@pytest.mark.parametrize("platform", ["discord", "slack", "slack by edits"])
async def test_the_next_start_finishes_an_answer_that_could_not_be_shown_to_its_end(
    platform: str, small_model: Path, tmp_path: Path
) -> None:
    async with play(platform, small_model, tmp_path) as scene:
        script, (go,) = story("Once", " upon a time.")
        scene.stage.generator.script = lambda _: script
        _, where = await scene.asks()
        await scene.begun(where, "Once")
        scene.trouble.faults.refuse(*scene.trouble.moments["end"], 3600.0, times=EVER)
        go.set()
        await scene.stage.quiet()
        assert scene.states() == ["failed"]
        scene.trouble.faults.clear()
        await scene.stage.restarts()
        await scene.shows(where, "Once upon a time.")
        await scene.stage.settled()
        assert scene.endings() == [("delivered", "")]


@pytest.mark.parametrize("moment", ["begin", "end"])
async def test_a_limit_for_all_of_discord_holds_everybody_back_and_loses_nothing(
    moment: str, small_model: Path, tmp_path: Path
) -> None:
    async with play("discord", small_model, tmp_path) as scene:
        script, (go,) = story("Once", " upon a time.")
        scene.stage.generator.script = lambda _: script
        limit = _limit_for_all(scene, moment) if moment == "begin" else None
        _, where = await scene.asks()
        if limit is None:
            await scene.begun(where, "Once")
            limit = _limit_for_all(scene, moment)
        go.set()
        await limit.reached()
        await scene.shows(where, "Once upon a time.")
        await scene.stage.quiet()
        assert scene.endings() == [("delivered", "")]


@pytest.mark.slow
async def test_a_limit_for_all_that_outlasts_the_request_it_met_does_not_hold_for_ever(
    small_model: Path, tmp_path: Path
) -> None:
    """discord.py lets requests pass again only if the one that met the limit waits to its end."""
    async with play("discord", small_model, tmp_path) as scene:
        limit = scene.trouble.faults.refuse(*CREATE, SOON + 1.0, everywhere=True)
        scene.stage.generator.script = lambda _: ["Once upon a time."]
        _, where = await scene.asks()
        await limit.reached()
        await scene.shows(where, "Once upon a time.")
        scene.stage.generator.script = echo
        await scene.answers_the_next(where, "Once upon a time.")


def _limit_for_all(scene: Scene, moment: str) -> Fault:
    return scene.trouble.faults.refuse(*scene.trouble.moments[moment], 1.0, everywhere=True)
