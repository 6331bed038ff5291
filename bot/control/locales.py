"""In which language people use a platform that does not tell it with every message."""

from __future__ import annotations

import structlog

from bot.control.ports import PeopleStore
from bot.errors import StorageError

log = structlog.get_logger(__name__)


class Locales:
    """Implements the Locales port. Nothing is kept beside the store, so who is forgotten is."""

    def __init__(self, people: PeopleStore) -> None:
        self._people = people

    async def of(self, platform: str, person: str) -> str:
        """Not worth an answer: without it the words are in another language."""
        try:
            return await self._people.locale(platform, person)
        except StorageError as error:
            log.info("language not found", platform=platform, reason=str(error))
            return ""

    async def learn(self, platform: str, person: str, locale: str) -> None:
        """Written only when it is another one, which is nearly never."""
        try:
            if await self._people.locale(platform, person) != locale:
                await self._people.keep_locale(platform, person, locale)
        except StorageError as error:
            log.info("language not kept", platform=platform, reason=str(error))
