"""The configuration: a TOML file and the environment, checked wholly and read once."""

from bot.settings.models import AdapterSettings, ModelSettings
from bot.settings.people import AccessSettings, LimitSettings, PresetSettings
from bot.settings.platforms import DiscordSettings, HttpSettings, SlackSettings
from bot.settings.reading import find, load
from bot.settings.sections import (
    ConversationSettings,
    DatabaseSettings,
    DataSettings,
    LogSettings,
    PersonaSettings,
    SamplingSettings,
    Settings,
    ShutdownSettings,
)

__all__ = [
    "AccessSettings",
    "AdapterSettings",
    "ConversationSettings",
    "DataSettings",
    "DatabaseSettings",
    "DiscordSettings",
    "HttpSettings",
    "LimitSettings",
    "LogSettings",
    "ModelSettings",
    "PersonaSettings",
    "PresetSettings",
    "SamplingSettings",
    "Settings",
    "ShutdownSettings",
    "SlackSettings",
    "find",
    "load",
]
