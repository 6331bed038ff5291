"""Messages that stand, but take no changes any more, or not so soon."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.discord import failures
from tests.board import echo
from tests.contract.stage import Where
from tests.faults.conftest import play
from tests.faults.discord_trouble import EDIT
from tests.faults.trouble import Scene, story

FIXED = [
    ("discord", "50083"),
    ("discord", "50005"),
    ("slack by edits", "edit_window_closed"),
    ("slack by edits", "cant_update_message"),
]


async def ended(scene: Scene, error: str, *, lasting: bool = False) -> Where:
    """An answer begins, then its message takes no changes, then it ends; where it stands."""
    script, (go,) = story("Once", " upon a time.")
    scene.stage.generator.script = lambda _: script
    _, where = await scene.asks()
    await scene.begun(where, "Once")
    scene.trouble.fix_answer(where, error, lasting=lasting)
    go.set()
    return where


@pytest.mark.parametrize(("platform", "error"), FIXED)
async def test_a_message_that_takes_no_changes_any_more_is_replaced_by_a_whole_one(
    platform: str, error: str, small_model: Path, tmp_path: Path
) -> None:
    async with play(platform, small_model, tmp_path) as scene:
        where = await ended(scene, error)
        await scene.shows(where, "Once upon a time.")
        await scene.stage.quiet()
        assert scene.endings() == [("delivered", "")]
        assert scene.stage.rows("SELECT count(*) FROM reply_parts") == [(1,)]
        scene.stage.generator.script = echo
        await scene.answers_the_next(where, "Once upon a time.")


@pytest.mark.parametrize(("platform", "error"), [FIXED[0], FIXED[2]])
async def test_what_cannot_be_taken_back_either_stands_before_the_whole_answer(
    platform: str, error: str, small_model: Path, tmp_path: Path
) -> None:
    async with play(platform, small_model, tmp_path) as scene:
        where = await ended(scene, error, lasting=True)
        await scene.says(where, lambda text: text == "Once upon a time.")
        await scene.stage.quiet()
        assert scene.endings() == [("delivered", "")]


async def test_an_old_message_that_may_be_changed_only_now_and_then_is_whole_in_the_end(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failures, "OLD_MESSAGE_PAUSE", 0.2)
    async with play("discord", small_model, tmp_path) as scene:
        script, (go,) = story("Once", " upon a time.")
        scene.stage.generator.script = lambda _: script
        _, where = await scene.asks()
        await scene.begun(where, "Once")
        scene.trouble.faults.fail(*EDIT, error="30046", times=3)
        go.set()
        await scene.shows(where, "Once upon a time.")
        await scene.stage.quiet()
        assert scene.endings() == [("delivered", "")]
