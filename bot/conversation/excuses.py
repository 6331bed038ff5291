"""What is said to messages that have no reply."""

from __future__ import annotations

from collections.abc import Mapping

import structlog

from bot.conversation.admission import Recent
from bot.errors import PlatformError
from bot.operation.facts import MessageRefused, Observer
from bot.ports import Messenger
from bot.reply.messages import excuse_nonce
from bot.values import Inbound

log = structlog.get_logger(__name__)

DATABASE = "database"
"""Why somebody was refused whose message could not be kept."""


class Excuses:
    """Tells people why there will be no answer, as well as that can be done."""

    def __init__(self, messengers: Mapping[str, Messenger], observer: Observer) -> None:
        self._messengers = messengers
        self._observer = observer
        self._declined = Recent[tuple[str, str, str], None]()

    async def tell(self, inbound: Inbound, notice: str) -> bool:
        """Whether it is shown."""
        place, message_id = inbound.place, inbound.message_id
        messenger = self._messengers.get(place.platform)
        if messenger is None:
            return False
        key = excuse_nonce(place, message_id)
        try:
            await messenger.outlet(place, message_id).create(notice, nonce=key)
        except PlatformError as failure:
            log.warning("could not excuse myself", place=place.id, error=str(failure))
            return False
        return True

    async def decline(self, inbound: Inbound, notice: str) -> bool:
        """Nobody could write down that it came. Who was told so (True) is not answered too."""
        if not await self.tell(inbound, notice):
            return False
        self._declined[_key(inbound)] = None
        self._observer.note(MessageRefused(inbound.place.platform, DATABASE))
        return True

    def declined(self, inbound: Inbound) -> bool:
        """Whether this message was declined before, in this run of the program."""
        return _key(inbound) in self._declined


def _key(inbound: Inbound) -> tuple[str, str, str]:
    """What a message is claimed by."""
    return inbound.place.platform, inbound.place.workspace, inbound.message_id
