"""Values that are offered while a person types."""

from __future__ import annotations

from collections.abc import Iterable

from bot.control.commands import BY_PATH
from bot.control.declarations import Argument, Kind, Level
from bot.control.persona import PersonaControl
from bot.control.place_settings import PlaceSettings
from bot.control.response import Call
from bot.control.spelling import INHERIT, NONE, chosen
from bot.control.words import say

MOST = 25
"""Discord shows no more."""

LONGEST = 100
"""Characters of a value or a label that Discord takes."""


class Options:
    """Lists of values with labels, for an argument of a command."""

    def __init__(self, settings: PlaceSettings, personas: PersonaControl) -> None:
        self._settings = settings
        self._personas = personas

    async def of(self, call: Call, name: str, typed: str) -> list[tuple[str, str]]:
        """What fits what has been typed; nothing for who may not use the command."""
        command = BY_PATH.get(call.command)
        if command is None or (command.level is Level.ADMIN and not call.author.manages):
            return []
        argument = next((each for each in command.arguments if each.name == name), None)
        if argument is None:
            return []
        wanted = typed.strip().casefold()
        return [
            (value, text[:LONGEST])
            for value, text in await self._all(call, argument)
            if len(value) <= LONGEST and wanted in f"{value} {text}".casefold()
        ][:MOST]

    async def _all(self, call: Call, argument: Argument) -> list[tuple[str, str]]:
        match argument.source:
            case "models":
                return self._with_inherit(call, self._settings.models)
            case "adapters":
                there = await self._settings.adapters(call.place)
                none = (NONE, say("setting.no_adapter", call.locale))
                return [*self._with_inherit(call, there), none]
            case "presets":
                return [(name, name) for name in self._settings.bounds.presets]
            case "versions":
                return await self._personas.versions(call.place)
        if argument.kind is Kind.TEXT and call.command == ("help",):
            return [
                (command.name, f"{call.prefix}{command.name}")
                for command in BY_PATH.values()
                if command.level is not Level.ADMIN or call.author.manages
            ]
        return [(each, chosen(argument.name, each, call.locale)) for each in argument.choices]

    @staticmethod
    def _with_inherit(call: Call, values: Iterable[str]) -> list[tuple[str, str]]:
        return [
            (INHERIT, say("control.inherit", call.locale)),
            *((each, each) for each in values),
        ]
