"""What people delete on a platform is gone here: what they said, and what they were answered."""

from __future__ import annotations

import structlog

from bot.conversation.early import EarlyChanges
from bot.ports import Store
from bot.values import Place, Reply

log = structlog.get_logger(__name__)


async def forget_message(
    store: Store, early: EarlyChanges, place: Place, message_id: str
) -> Reply | None:
    """Take a message out of the conversation. An ended reply that it showed is to be hidden."""
    if await store.withdraw(place, message_id):
        log.debug("message deleted", place=place.id)
        return None
    taken = await store.take_down(place, message_id)
    if taken is None:
        early.deleted(place, message_id)
        return None
    log.info("answer deleted", place=place.id, reply=taken.id)
    return taken if taken.state.ended else None
