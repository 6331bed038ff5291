"""A store on a real file, a scripted model, and platforms that a test connects."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from bot.engines import Engine, Engines
from bot.operation.readiness import Answered, Readiness
from bot.prompt.builder import PromptBuilder
from bot.prompt.formats import Llama2Format
from bot.prompt.tokenizer import Tokenizer
from bot.values import Sampling
from storage import SqlStore, open_store, upgrade
from tests.board import ScriptedGenerator


@dataclass
class Scene:
    """What readiness looks at; `now` is the time, `platforms` who is connected."""

    store: SqlStore
    generator: ScriptedGenerator
    prompts: PromptBuilder
    now: float = 1000.0
    platforms: dict[str, bool] = field(default_factory=lambda: {"discord": True})

    def __post_init__(self) -> None:
        self.answered = Answered(lambda: self.now)
        self.engines = Engines.single(Engine("kind", self.prompts, self.generator, Sampling()))

    def readiness(self, *, patience: float = 10.0) -> Readiness:
        return Readiness(
            self.engines, self.store, lambda: self.platforms, self.answered, patience=patience
        )


@pytest.fixture
async def scene(tokenizer: Tokenizer, tmp_path: Path) -> AsyncIterator[Scene]:
    url = f"sqlite:///{tmp_path / 'quipu.db'}"
    await upgrade(url)
    store = await open_store(url)
    prompts = PromptBuilder(Llama2Format(tokenizer), context=1024, reserve=256)
    yield Scene(store, ScriptedGenerator(lambda _: ["a"]), prompts)
    await store.close()
