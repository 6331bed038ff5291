"""What holds at a Place: its own settings, or what it inherits, within the operator's bounds."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from bot.control.authority import Access
from bot.control.bounds import Bounds, beyond
from bot.control.declarations import Argument, Kind
from bot.control.ports import SettingStore
from bot.control.records import Behaviour, SettingValue
from bot.control.scopes import channel_scope, platform_scope
from bot.control.settings import ANSWERS, LIMITS, SAMPLING, SETTINGS
from bot.engines import Engines
from bot.values import Choice, Place

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Limit:
    """What may be used in a day at most, 0 for no limit, and the scope whose use counts."""

    name: str
    most: int
    scope: str


LIMITED = {argument.name for argument in LIMITS}

ACCESS = "access"
"""The key of the lists of who may talk; it is no setting with one value."""


class PlaceSettings:
    """Implements the Choices and Behaviours ports; asked anew for every message."""

    def __init__(self, store: SettingStore, engines: Engines, bounds: Bounds) -> None:
        self._store = store
        self._engines = engines
        self.bounds = bounds

    async def held(self, place: Place) -> dict[str, SettingValue]:
        """Every setting that is set for a place, with its scope; what is not sound is left out.

        In a direct message everybody is their own admin: what they set can narrow the workspace's
        limits and never lift them.
        """
        held = await self._set_for(place.scopes)
        own = [name for name in LIMITED & held.keys() if held[name].scope != place.scopes[-1]]
        if not (place.private and own):
            return held
        wide = await self._set_for(place.scopes[-1:])
        return held | {
            name: wide[name]
            for name in own
            if name in wide and beyond(held[name].value, wide[name].value)
        }

    async def workspace_limit(self, place: Place, name: str) -> int:
        """What the workspace has set that this place cannot lift; 0 is nothing."""
        if not place.private or name not in LIMITED:
            return 0
        wide = await self._set_for(place.scopes[-1:])
        return int(wide[name].value) if name in wide else 0

    async def choice(self, place: Place) -> Choice:
        """What answers are made with; a model or adapter that is gone counts as not chosen."""
        held = await self.held(place)
        model = self._known(held, "model", self._engines.titles, place)
        adapters = self._engines.adapters(model)
        adapter = self._known(held, "adapter", adapters, place)
        own = ((a.name, held[a.name].value) for a in SAMPLING if a.name in held)
        return Choice(model, adapter, tuple(own))

    async def behaviour(self, place: Place) -> Behaviour:
        """How the place is answered."""
        held = await self.held(place)
        return Behaviour(**{a.name: held[a.name].value for a in ANSWERS if a.name in held})

    async def limits(self, place: Place) -> list[Limit]:
        """Every limit of a day that holds at a place, each with where it counts.

        In a direct message the workspace's hold beside one's own, and the operator's everywhere.
        """
        held = await self.held(place)
        wide = await self._set_for(place.scopes[-1:]) if place.private else {}
        found = []
        for name in (a.name for a in LIMITS):
            most = self.bounds.most(name)
            values = {each[name].scope: each[name].value for each in (held, wide) if name in each}
            found += [
                Limit(name, value, counted(place, name, scope))
                for scope, value in values.items()
                if value and not beyond(value, most)
            ]
            if most:
                found.append(Limit(name, most, counted(place, name)))
        return found

    async def lists(self, place: Place, *, but: Collection[str] = ()) -> list[Access]:
        """Who may talk, from the thread's list to the configuration's, all of which must agree.

        The lists of the scopes in `but` are left out.
        """
        scopes = [scope for scope in place.scopes if scope not in but]
        found = await self._store.every(scopes, ACCESS)
        return [*(Access.read(each.value) for each in found), self.bounds.access_on(place.platform)]

    async def defaults(self, place: Place) -> dict[str, Any]:
        """What holds where nobody has set anything; None where the model decides."""
        behaviour = Behaviour()
        values: dict[str, Any] = {a.name: getattr(behaviour, a.name) for a in ANSWERS}
        values |= {a.name: self.bounds.most(a.name) for a in LIMITS}
        values |= {"retention": self.bounds.retention, "model": self._engines.default}
        values |= {"adapter": ""} | {a.name: None for a in SAMPLING}
        loaded = self._engines.loaded.get((await self.choice(place)).model or self._engines.default)
        if loaded is not None:
            values |= {a.name: getattr(loaded.sampling, a.name) for a in SAMPLING}
        return values

    async def adapters(self, place: Place) -> tuple[str, ...]:
        """The adapters of the model that the place has."""
        return self._engines.adapters((await self.choice(place)).model)

    @property
    def models(self) -> tuple[str, ...]:
        """The titles of all configured models."""
        return self._engines.titles

    async def _set_for(self, scopes: Sequence[str]) -> dict[str, SettingValue]:
        found = await self._store.settings(scopes)
        return {key: value for key, value in found.items() if _sound(key, value.value)}

    def _known(
        self, held: Mapping[str, SettingValue], key: str, there: tuple[str, ...], place: Place
    ) -> str:
        chosen = held[key].value if key in held else ""
        if chosen and chosen not in there:
            log.warning("no longer configured, so not used", key=key, value=chosen, place=place.id)
            return ""
        return str(chosen)


def counted(place: Place, name: str, scope: str = "") -> str:
    """Where a limit counts that is set for a scope, or (empty) by the configuration.

    A channel's limit that is set for more than one channel is for each of them.
    """
    if name.startswith("person"):
        return scope or platform_scope(place)
    return scope if place.thread and scope == place.scopes[0] else channel_scope(place)


def _sound(key: str, value: Any) -> bool:
    """Whether a saved value is still what its declaration allows."""
    argument = SETTINGS.get(key)
    return argument is not None and _fits(argument, value)


def _fits(argument: Argument, value: Any) -> bool:
    match argument.kind:
        case Kind.SWITCH:
            return isinstance(value, bool)
        case Kind.CHOICE:
            return isinstance(value, str) and (not argument.choices or value in argument.choices)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if argument.kind is Kind.INTEGER and not isinstance(value, int):
        return False
    least, most = argument.least, argument.most
    return (least is None or value >= least) and (most is None or value <= most)
