"""Engines over a generator that needs no model."""

from __future__ import annotations

from bot import checkpoint as checkpoints
from bot.engines import Engines
from bot.engines.format import make_engine
from bot.ports import Generator
from bot.settings import Settings


def engines_over(settings: Settings, generator: Generator) -> Engines:
    """The configuration's default model, with this generator in the place of its weights."""
    model = settings.every_model[0]
    found = checkpoints.find(model.name)
    return Engines.single(make_engine(str(model.title), found, settings.sampling, generator))
