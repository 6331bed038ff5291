"""Whether the personas of places leave a model room for a conversation."""

from __future__ import annotations

import asyncio

import structlog

from bot.control.place_settings import PlaceSettings
from bot.control.ports import SettingStore
from bot.control.response import Call
from bot.control.variables import SpokenPersonas
from bot.control.words import say
from bot.engines import Engines
from bot.errors import QuipuError
from bot.values import Persona, Place

log = structlog.get_logger(__name__)


class Measuring:
    """Measures personas as the model reads them."""

    def __init__(
        self,
        records: SettingStore,
        settings: PlaceSettings,
        engines: Engines,
        personas: SpokenPersonas,
    ) -> None:
        self._records = records
        self._settings = settings
        self._engines = engines
        self._personas = personas

    async def figures(self, place: Place, text: str, model: str) -> tuple[int, int]:
        """Tokens that a persona takes of a model, and how many leave room."""
        builder = await self._engines.builder(model)
        longer = max(text, self._personas.filled(text, place), key=len)
        return await asyncio.to_thread(builder.measure, Persona(longer))

    async def beyond(self, call: Call, model: str) -> str:
        """What is wrong with the persona here for a model; empty if nothing is known to be."""
        text = (await self._personas.written(call.place)).text
        found = await self._beyond(call.place, text, model)
        return _said("control.persona_beyond_model", call, self._titled(model), found, 1)

    async def beyond_now(self, call: Call, scope: str) -> str:
        """The same after a scope got another model, for all personas that this is about."""
        if scope != call.place.scopes[-1]:
            return await self.beyond(call, (await self._settings.choice(call.place)).model)
        held = await self._records.settings([scope])
        model = str(held["model"].value) if "model" in held else ""
        own = await self._records.everywhere("model")
        beyond = [
            found
            for persona in await self._records.personas_within(scope)
            if persona.scope not in own
            if (found := await self._beyond(Place.parse(persona.scope), persona.text, model))
        ]
        if not beyond:  # where nobody set one, it is the configuration's, as perhaps here
            return await self.beyond(call, (await self._settings.choice(call.place)).model)
        key = "control.personas_beyond_model"
        return _said(key, call, self._titled(model), max(beyond), len(beyond))

    async def _beyond(self, place: Place, text: str, model: str) -> tuple[int, int] | None:
        try:
            tokens, allowed = await self.figures(place, text, model)
        except QuipuError as error:
            # Whoever speaks next is told of that; a model can be chosen before it is there.
            log.warning("persona not measured", model=model, reason=str(error))
            return None
        return (tokens, allowed) if text and tokens > allowed else None

    def _titled(self, model: str) -> str:
        return model or self._engines.default


def _said(key: str, call: Call, model: str, figures: tuple[int, int] | None, count: int) -> str:
    if figures is None:
        return ""
    tokens, allowed = figures
    return say(key, call.locale, model=model, tokens=tokens, allowed=allowed, count=count)
