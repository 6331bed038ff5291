"""The configuration: a TOML file and the environment, checked wholly and read once."""

from bot.settings.reading import find, load
from bot.settings.sections import (
    ConversationSettings,
    DatabaseSettings,
    DataSettings,
    DiscordSettings,
    LogSettings,
    ModelSettings,
    PersonaSettings,
    SamplingSettings,
    Settings,
    ShutdownSettings,
)

__all__ = [
    "ConversationSettings",
    "DataSettings",
    "DatabaseSettings",
    "DiscordSettings",
    "LogSettings",
    "ModelSettings",
    "PersonaSettings",
    "SamplingSettings",
    "Settings",
    "ShutdownSettings",
    "find",
    "load",
]
