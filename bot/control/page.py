"""All settings of a place on one page, with where each comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.control.authority import Access
from bot.control.declarations import Argument, Kind
from bot.control.place_settings import ACCESS, PlaceSettings
from bot.control.ports import Handler, SettingStore
from bot.control.records import SettingValue
from bot.control.response import Call, Given, Item, Page, Response, hindered
from bot.control.scopes import channel_scope, spoken
from bot.control.settings import ADAPTER, ANSWERS, LIMITS, MODEL, RETENTION, SAMPLING, SHARED
from bot.control.spelling import INHERIT, NONE, label, spelled
from bot.control.words import say
from bot.ports import Personas

GROUPS: tuple[tuple[str, tuple[tuple[str, tuple[Argument, ...]], ...]], ...] = (
    ("model", (("model", MODEL), ("adapter", ADAPTER))),
    ("sampling", (("sampling", SAMPLING),)),
    ("answers", (("answers", ANSWERS),)),
    ("limits", (("limits", LIMITS), ("retention", RETENTION))),
)
"""Title of each group, and the command that sets each of its settings."""


class SettingsPage:
    """The handler of `settings`."""

    def __init__(self, store: SettingStore, settings: PlaceSettings, personas: Personas) -> None:
        self._store = store
        self._settings = settings
        self._personas = personas

    def handlers(self) -> dict[tuple[str, ...], Handler]:
        return {("settings",): self.show}

    async def show(self, call: Call, arguments: Mapping[str, Given]) -> Response:  # noqa: ARG002
        """The page; what is changed on it is changed for the channel, or for the thread.

        For the thread where that has a value of its own, behind which one of the channel's would
        not be seen.
        """
        held = await self._settings.held(call.place)
        defaults = await self._settings.defaults(call.place)
        groups = []
        for title, commands in GROUPS:
            items = [
                await self._item(call, command, argument, held, defaults)
                for command, arguments_ in commands
                for argument in arguments_
                if not (call.place.private and argument.name in SHARED)
            ]
            groups.append((say(f"control.group.{title}", call.locale), tuple(items)))
        where = spoken(call.place, channel_scope(call.place), call.locale)
        page = Page(say("control.page", call.locale, where=where), tuple(groups))
        return Response(await self._summary(call, held), page=page)

    async def _item(
        self,
        call: Call,
        command: str,
        argument: Argument,
        held: Mapping[str, SettingValue],
        defaults: Mapping[str, Any],
    ) -> Item:
        name, locale = argument.name, call.locale
        found = held.get(name)
        value = defaults[name] if found is None else found.value
        if name in self._settings.bounds.limits or name == "retention":
            value = self._settings.bounds.holds(name, value)
        scope = "" if found is None else found.scope
        thread = scope == call.place.scopes[0] != channel_scope(call.place)
        own = thread or scope == channel_scope(call.place)
        here = own and not call.place.thread
        return Item(
            command=(command,),
            argument=argument,
            label=label(name, locale),
            value="" if found is None else _chosen(name, found.value),
            shown=spelled(name, value, locale),
            origin=say("control.own", locale) if here else spoken(call.place, scope, locale),
            own=own,
            options=await self._options(call, argument),
            where="thread" if thread else "",
        )

    async def _options(self, call: Call, argument: Argument) -> tuple[tuple[str, str], ...]:
        values: Sequence[str] = argument.choices
        if argument.kind is Kind.SWITCH:
            values = ("yes", "no")
        elif argument.source == "models":
            values = self._settings.models
        elif argument.source == "adapters":
            values = (*await self._settings.adapters(call.place), NONE)
        if not values:
            return ()
        inherit = (INHERIT, say("control.inherit", call.locale))
        return (inherit, *((each, _option(argument, each, call.locale)) for each in values))

    async def _summary(self, call: Call, held: Mapping[str, SettingValue]) -> str:
        persona = await self._personas.show(call.place)
        origin = spoken(call.place, persona.scope, call.locale)
        key = "control.persona" if persona.version else "control.persona_configured"
        lines = [
            say(key, call.locale, version=persona.version, origin=origin),
            await self._access(call),
        ]
        values = {name: found.value for name, found in held.items()}
        lines += [say(each.key, call.locale) for each in hindered(call, values)]
        choice = await self._settings.choice(call.place)
        for name, used in (("model", choice.model), ("adapter", choice.adapter)):
            if name in held and held[name].value and not used:
                gone = {"name": label(name, call.locale), "value": held[name].value}
                lines.append(say("control.gone", call.locale, **gone))
        return "\n".join(lines)

    async def _access(self, call: Call) -> str:
        lists = await self._store.every(call.place.scopes, ACCESS)
        allow = sum(len(Access.read(each.value).allow) for each in lists)
        deny = sum(len(Access.read(each.value).deny) for each in lists)
        key = "control.access" if allow or deny else "control.access_open"
        return say(key, call.locale, allow=allow, deny=deny)


def _chosen(name: str, value: Any) -> str:
    """A value as its option or field has it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return NONE if name == "adapter" and not value else str(value)


def _option(argument: Argument, value: str, locale: str) -> str:
    if argument.kind is Kind.SWITCH:
        return say("setting.on" if value == "yes" else "setting.off", locale)
    if argument.choices:
        return spelled(argument.name, value, locale)
    return say("setting.no_adapter", locale) if value == NONE else value
