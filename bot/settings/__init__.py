"""The configuration: a TOML file and the environment, checked wholly and read once."""

from bot.settings.platforms import DiscordSettings, HttpSettings, SlackSettings
from bot.settings.reading import find, load
from bot.settings.sections import (
    ConversationSettings,
    DatabaseSettings,
    DataSettings,
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
    "HttpSettings",
    "LogSettings",
    "ModelSettings",
    "PersonaSettings",
    "SamplingSettings",
    "Settings",
    "ShutdownSettings",
    "SlackSettings",
    "find",
    "load",
]
