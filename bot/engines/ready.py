"""A model that is there already and never leaves."""

from __future__ import annotations

from bot.engines.engine import Engine, Room
from bot.prompt.builder import PromptBuilder


class Ready:
    """Implements Source with nothing to load."""

    idle = 0.0
    warm = True

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @property
    def title(self) -> str:
        """As its engine is called."""
        return self._engine.title

    @property
    def adapters(self) -> tuple[str, ...]:
        """As its engine has them."""
        return self._engine.adapters

    def fetch(self) -> None:
        """Its files are not needed any more."""

    def builder(self) -> PromptBuilder:
        """Its engine's own."""
        return self._engine.builder

    def room(self) -> Room | None:
        """It has all the memory it needs."""

    def load(self) -> Engine:
        """The engine itself."""
        return self._engine

    def release(self) -> None:
        """Whoever made it holds it."""
