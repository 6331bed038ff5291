"""Settings of a place: set, taken back, and shown in forms with what they hold now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from bot.control.bounds import beyond
from bot.control.commands import BY_PATH
from bot.control.declarations import Argument, Command
from bot.control.measuring import Measuring
from bot.control.place_settings import PlaceSettings
from bot.control.ports import Handler, SettingStore
from bot.control.records import Change
from bot.control.refusal import refusal
from bot.control.response import Call, Field, Form, Given, Response, hindered
from bot.control.scopes import scope_for, spoken
from bot.control.settings import SETTINGS, SHARED
from bot.control.spelling import NONE, label, plain, span, spelled
from bot.control.words import say
from bot.errors import Refused
from bot.values import Place

log = structlog.get_logger(__name__)

WHERE = "where"
NAMES = ("model", "adapter", "sampling", "answers", "limits", "retention")
BOUNDED = {"person_messages", "person_tokens", "channel_messages", "channel_tokens", "retention"}


class Tuning:
    """Handlers of the commands that change settings. They hold from the next answer on."""

    def __init__(self, store: SettingStore, settings: PlaceSettings, measuring: Measuring) -> None:
        self._store = store
        self._settings = settings
        self._measuring = measuring

    def handlers(self) -> dict[tuple[str, ...], Handler]:
        found: dict[tuple[str, ...], Handler] = {(name,): self.change for name in NAMES}
        return found | {("inherit",): self.inherit}

    async def change(self, call: Call, arguments: Mapping[str, Given]) -> Response:
        """Set what is given; with nothing given, show what there is, or a form for it."""
        where = str(arguments.get(WHERE, "channel"))
        scope = scope_for(call, where)
        given = {name: value for name, value in arguments.items() if name != WHERE}
        if not given:
            return await self._present(call, scope, where)
        values = {name: await self._checked(call, name, value) for name, value in given.items()}
        if values.get("model") and scope != call.place.scopes[-1]:
            await self._fits(call, str(values["model"]))
        return await self._set(call, scope, values)

    async def inherit(self, call: Call, arguments: Mapping[str, Given]) -> Response:
        """Take one setting back."""
        scope = scope_for(call, str(arguments.get(WHERE, "channel")))
        return await self._set(call, scope, {str(arguments["setting"]): None})

    async def _set(self, call: Call, scope: str, values: Mapping[str, Any]) -> Response:
        changes = await self._store.set_settings(scope, values, call.author)
        log.info("settings changed", scope=scope, author=call.author.id, keys=sorted(values))
        warnings = await self._warnings(call, values)
        if not changes:
            return Response("\n".join([say("control.unchanged", call.locale), *warnings]))
        where = spoken(call.place, scope, call.locale)
        lines = [say("control.changed", call.locale, where=where)]
        lines += [await self._line(call, change, values) for change in changes]
        if "model" in values:
            lines += filter(None, [await self._measuring.beyond_now(call, scope)])
        lines += warnings
        return Response("\n".join(lines))

    async def _warnings(self, call: Call, values: Mapping[str, Any]) -> list[str]:
        """What would be needed for these values to have any effect here."""
        held = await self._settings.held(call.place)
        inherited = {name: held[name].value for name in values if name in held}
        now = inherited | {name: value for name, value in values.items() if value is not None}
        return [say(each.key, call.locale) for each in hindered(call, now)]

    async def _fits(self, call: Call, model: str) -> None:
        """Refused where the persona would leave the model no room for a conversation."""
        if words := await self._measuring.beyond(call, model):
            raise Refused(f"{call.place.id}: too long a persona for {model}", notice=words)

    async def _line(self, call: Call, change: Change, values: Mapping[str, Any]) -> str:
        now = values[change.what]
        if now is None:
            after = say("control.inherits", call.locale, value=await self._held(call, change.what))
        else:
            after = spelled(change.what, now, call.locale)
        return f"- {label(change.what, call.locale)}: {after}"

    async def _held(self, call: Call, name: str) -> str:
        """What holds now, in words."""
        held = await self._settings.held(call.place)
        defaults = await self._settings.defaults(call.place)
        return spelled(name, held[name].value if name in held else defaults[name], call.locale)

    async def _present(self, call: Call, scope: str, where: str) -> Response:
        command = BY_PATH[call.command]
        own = await self._store.settings([scope])
        fields = [
            Field(
                argument,
                label(argument.name, call.locale),
                _written(own[argument.name].value) if argument.name in own else "",
                await self._hint(call, argument),
            )
            for argument in _settings_of(command, call.place)
        ]
        if command.window:
            title = say("control.form", call.locale, name=command.name)
            return Response(form=Form(command.path, title, tuple(fields), None, ((WHERE, where),)))
        return Response("\n".join(f"- {field.label}: {field.hint}" for field in fields))

    async def _hint(self, call: Call, argument: Argument) -> str:
        now = await self._held(call, argument.name)
        allowed = await self._choices(call, argument) or span(argument, call.locale)
        key = "control.hint" if allowed else "control.hint_alone"
        return say(key, call.locale, now=now, allowed=allowed)

    async def _choices(self, call: Call, argument: Argument) -> str:
        if argument.source == "models":
            return ", ".join(self._settings.models)
        if argument.source == "adapters":
            return ", ".join([*await self._settings.adapters(call.place), NONE])
        return ""

    async def _checked(self, call: Call, name: str, value: Given) -> Any:
        """The value as it is saved, None to inherit. Refused with what would be right."""
        if value == "":
            return None
        if name in SHARED and call.place.private:
            raise refusal("control.not_for_private", call.locale, name=label(name, call.locale))
        if name == "model":
            return _among(call, name, value, self._settings.models)
        if name == "adapter":
            there = await self._settings.adapters(call.place)
            if value == NONE and NONE not in there:
                return ""
            return _among(call, name, value, (*there, NONE))
        if name in BOUNDED:
            return await self._bounded(call, name, int(value))
        return value

    async def _bounded(self, call: Call, name: str, value: int) -> int:
        bounds = {
            "control.beyond_bound": self._settings.bounds.most(name),
            "control.beyond_workspace": await self._settings.workspace_limit(call.place, name),
        }
        for key, most in bounds.items():
            if beyond(value, most):
                raise refusal(key, call.locale, name=label(name, call.locale), most=most)
        return value


def _among(call: Call, name: str, value: Given, there: Sequence[str]) -> str:
    found = next((each for each in there if each.casefold() == str(value).casefold()), None)
    if found is None:
        raise refusal("error.not_a_choice", call.locale, name=name, choices=", ".join(there))
    return found


def _settings_of(command: Command, place: Place) -> list[Argument]:
    known = SETTINGS.keys() - (SHARED if place.private else set())
    return [argument for argument in command.arguments if argument.name in known]


def _written(value: Any) -> str:
    """A value as it stands in a field of a form."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return plain(value) if isinstance(value, int | float) else str(value)
