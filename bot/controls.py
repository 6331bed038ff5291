"""The control room and what it is made of, from the configuration.

A part of the composition root.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bot.control.access import AccessControl
from bot.control.audit import Archive
from bot.control.authority import Access
from bot.control.bounds import Bounds
from bot.control.help import Help
from bot.control.limits import Doorkeeper
from bot.control.measuring import Measuring
from bot.control.options import Options
from bot.control.page import SettingsPage
from bot.control.persona import PersonaControl
from bot.control.place_settings import PlaceSettings
from bot.control.ports import Handler, Records
from bot.control.privacy import DELETE, Privacy
from bot.control.retention import Retention
from bot.control.room import ControlRoom, Warn
from bot.control.tuning import Tuning
from bot.control.variables import Heard, SpokenPersonas
from bot.conversation.personas import PersonaBook
from bot.engines import Engines
from bot.ports import Store
from bot.settings import Settings
from bot.values import Persona


def bounds(settings: Settings) -> Bounds:
    """What the configuration allows at most, and offers."""
    return Bounds(
        access=Access(settings.access.allow, settings.access.deny),
        limits=settings.limits.model_dump(),
        retention=settings.data.retention,
        prompts=settings.data.prompts,
        presets=settings.presets.texts,
    )


@dataclass(frozen=True, slots=True)
class Steering:
    """What people steer conversations with, over one database.

    `book` has the personas as they were written, `personas` as the model reads them.
    """

    records: Records
    settings: PlaceSettings
    doorkeeper: Doorkeeper
    personas: SpokenPersonas
    book: PersonaBook
    retention: Retention
    engines: Engines
    store: Store

    @classmethod
    def of(
        cls, bound: Bounds, store: Store, records: Records, engines: Engines, *, persona: str = ""
    ) -> Steering:
        """Everything but what acts on answers, which needs conversations first.

        `persona` holds where nobody has set one.
        """
        heard, held = Heard(), PlaceSettings(records, engines, bound)
        book = PersonaBook(store, engines, held, Persona(persona))
        return cls(
            records,
            held,
            Doorkeeper(held, records, heard),
            SpokenPersonas(book, heard),
            book,
            Retention(records, records, bound),
            engines,
            store,
        )

    def room(
        self,
        acting: Mapping[tuple[str, ...], Handler],
        clock: Callable[[], float] = time.monotonic,
    ) -> ControlRoom:
        """The control room; `acting` are the handlers of commands about answers."""
        measuring = Measuring(self.records, self.settings, self.engines, self.personas)
        personas = PersonaControl(self.store, self.records, self.settings, measuring, self.personas)
        privacy = Privacy(self.records, self.settings.bounds.presets.values())
        parts = (
            personas,
            Tuning(self.records, self.settings, measuring),
            AccessControl(self.records, self.settings),
            SettingsPage(self.records, self.settings, self.personas),
            Archive(self.records, self.records),
            privacy,
            self.doorkeeper,
        )
        handlers = dict(acting)
        for part in parts:
            handlers |= part.handlers()
        handlers |= Help([*handlers, ("help",)]).handlers()
        options = Options(self.settings, personas)
        warnings: dict[tuple[str, ...], Warn] = {DELETE: privacy.warning}
        return ControlRoom(handlers, self.records, self.doorkeeper, options, clock, warnings)
