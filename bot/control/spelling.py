"""Values of settings in words."""

from __future__ import annotations

from typing import Any

from bot.control.declarations import Argument, Kind
from bot.control.settings import LIMITS, SETTINGS
from bot.control.words import say

INHERIT = "inherit"
"""What people write or choose to take a setting back; an emptied field of a form is the same."""

NONE = "none"
"""What people write or choose for no adapter, where one would be inherited."""

UNLIMITED = {argument.name for argument in LIMITS}


def spelled(name: str, value: Any, locale: str) -> str:
    """The value of a setting as people read it; None is up to the model."""
    if value is None:
        key = "by_platform" if name == "threads" else "by_model"
        return say(f"setting.{key}", locale)
    if isinstance(value, bool):
        return say("setting.on" if value else "setting.off", locale)
    if name == "adapter" and not value:
        return say("setting.no_adapter", locale)
    if name in UNLIMITED and not value:
        return say("setting.no_limit", locale)
    if name == "retention":
        return say("setting.days" if value else "setting.for_ever", locale, days=value)
    if SETTINGS[name].choices:
        return say(f"setting.{name}_{value}", locale)
    return f"{value:g}" if isinstance(value, float) else str(value)


def label(name: str, locale: str) -> str:
    """What a setting is called."""
    return say(f"setting.{name}", locale)


def chosen(name: str, value: str, locale: str) -> str:
    """One of the fixed values of an argument as people read it."""
    if name in SETTINGS:
        return spelled(name, value, locale)
    match name:
        case "setting":
            return label(value, locale)
        case "where":
            return say(f"control.scope.{value}", locale)
        case "score":
            return say(f"button.{value}", locale)
    return value


def span(argument: Argument, locale: str) -> str:
    """What an argument may be, in words; empty if it may be anything."""
    if argument.choices:
        return ", ".join(argument.choices)
    if argument.kind is Kind.SWITCH:
        return f"{say('setting.on', locale)}, {say('setting.off', locale)}"
    if argument.kind in {Kind.INTEGER, Kind.NUMBER} and argument.most is not None:
        return f"{plain(argument.least or 0)}–{plain(argument.most)}"
    return ""


def plain(number: float) -> str:
    """A number without a fraction that it does not have."""
    return str(int(number)) if number == int(number) else f"{number:g}"
