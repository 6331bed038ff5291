"""What holds at a Place: its own settings, or what it inherits, within the operator's bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from bot.control.authority import Access
from bot.control.bounds import Bounds
from bot.control.declarations import Argument, Kind
from bot.control.ports import SettingStore
from bot.control.records import Behaviour, SettingValue
from bot.control.settings import ANSWERS, LIMITS, SAMPLING, SETTINGS
from bot.engines import Engines
from bot.values import Choice, Place

log = structlog.get_logger(__name__)

ACCESS = "access"
"""The key of the lists of who may talk; it is no setting with one value."""


class PlaceSettings:
    """Implements the Choices and Behaviours ports; asked anew for every message."""

    def __init__(self, store: SettingStore, engines: Engines, bounds: Bounds) -> None:
        self._store = store
        self._engines = engines
        self.bounds = bounds

    async def held(self, place: Place) -> dict[str, SettingValue]:
        """Every setting that is set for a place, with its scope; what is not sound is left out."""
        found = await self._store.settings(place.scopes)
        return {key: value for key, value in found.items() if _sound(key, value.value)}

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

    async def limits(self, place: Place) -> dict[str, int]:
        """Messages and tokens of a day, for a person and for the channel; 0 is no limit."""
        held = await self.held(place)
        return {
            a.name: self.bounds.holds(a.name, held[a.name].value if a.name in held else 0)
            for a in LIMITS
        }

    async def lists(self, place: Place) -> list[Access]:
        """Who may talk, from the thread's list to the configuration's, all of which must agree."""
        found = await self._store.every(place.scopes, ACCESS)
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

    def _known(
        self, held: Mapping[str, SettingValue], key: str, there: tuple[str, ...], place: Place
    ) -> str:
        chosen = held[key].value if key in held else ""
        if chosen and chosen not in there:
            log.warning("no longer configured, so not used", key=key, value=chosen, place=place.id)
            return ""
        return str(chosen)


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
