"""A real model that is larger than the machine's memory, chosen for one channel."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog

from bot.engines.sources import sources
from bot.errors import ModelLoadError
from bot.settings.reading import check
from bot.values import Choice
from tests.checkpoints import make_checkpoint
from tests.conversation.conftest import CHANNEL, OTHER, Build
from tests.small_machine import limit_memory


async def test_a_model_too_large_for_the_machine_is_explained_and_never_read(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_checkpoint(tmp_path / "giant")
    house = await build(sources=sources(check({"model": {"name": str(folder), "device": "cpu"}})))
    house.conversations.attach(house.board)
    house.choices.by_place[OTHER] = Choice(model="giant")
    limit_memory(tmp_path, monkeypatch, 100_000)
    with structlog.testing.capture_logs() as logged:
        await house.say("hi", place=OTHER)
        await house.board.until(lambda: bool(house.board.posted))
    assert house.board.texts == [f"*({ModelLoadError.notice})*"]
    assert "model_loading" not in {line["event"] for line in logged}
    await house.say("and you?", place=CHANNEL)
    await house.quiet(1)
    assert list(house.engines.loaded) == ["kind"]
