"""The persona of a Place: what its channel's admins set, or what it inherits."""

from __future__ import annotations

import structlog

from bot.engines import Engines
from bot.errors import Forbidden, Refused
from bot.ports import Choices, Store
from bot.values import Author, Persona, Place

log = structlog.get_logger(__name__)


class PersonaBook:
    """Implements the Personas port. `default` holds where nobody has set one."""

    def __init__(self, store: Store, engines: Engines, choices: Choices, default: Persona) -> None:
        self._store = store
        self._engines = engines
        self._choices = choices
        self._default = default

    async def check_default(self) -> None:
        """TooLong if the configuration's persona leaves the default model too little room."""
        (await self._engines.builder()).check(self._default)

    async def show(self, place: Place, author: Author | None = None) -> Persona:  # noqa: ARG002
        """The same for everybody at the place."""
        return await self._store.persona(place.scopes) or self._default

    async def set(self, place: Place, text: str, author: Author) -> Persona:
        """Set the channel's persona; threads of the channel follow it."""
        self._authorise(author, "set", place)
        text = text.strip()
        if not text:
            raise Refused("empty persona", key="conversation.empty_persona")
        choice = await self._choices.choice(place)
        (await self._engines.builder(choice.model)).check(Persona(text))
        persona = await self._store.set_persona(channel_scope(place), text, author)
        log.info("persona set", place=place.id, author=author.id)
        return persona or Persona(text)

    async def clear(self, place: Place, author: Author) -> Persona:
        """Forget the channel's own persona and return what it inherits now."""
        self._authorise(author, "clear", place)
        await self._store.set_persona(channel_scope(place), None, author)
        log.info("persona cleared", place=place.id, author=author.id)
        return await self.show(place)

    @staticmethod
    def _authorise(author: Author, action: str, place: Place) -> None:
        if not author.manages:
            log.info("persona refused", action=action, place=place.id, author=author.id)
            raise Forbidden(
                f"{author.id} may not {action} the persona",
                key="error.not_an_admin",
                command="persona",
            )


def channel_scope(place: Place) -> str:
    """The scope of the channel, also for a place in one of its threads."""
    return place.scopes[1] if place.thread else place.scopes[0]
