"""The configured models: what each is made of, and which of them are in memory."""

from bot.engines.engine import Engine, Waking
from bot.engines.engines import Engines

__all__ = ["Engine", "Engines", "Waking"]
