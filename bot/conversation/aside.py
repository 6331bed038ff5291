"""What is said in a channel because its thread does not take it any more."""

from __future__ import annotations

from dataclasses import replace

import structlog

from bot.control.words import say
from bot.errors import PlatformError
from bot.ports import Messenger
from bot.reply.messages import excuse_nonce
from bot.reply.notices import explained
from bot.values import Reply

log = structlog.get_logger(__name__)


async def tell_channel(reply: Reply, messenger: Messenger) -> None:
    """Say there that the thread is gone, as well as that can be done."""
    channel = replace(reply.place, thread="")
    words = explained("", say("conversation.thread_gone", reply.locale))
    key = excuse_nonce(reply.place, reply.message_id)
    try:
        await messenger.outlet(channel, reply.message_id).create(words, nonce=key)
    except PlatformError as error:
        log.info("nothing said of the thread", reply=reply.id, error=str(error))
