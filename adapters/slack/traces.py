"""Finds a message that an earlier try or run may have posted: by its nonce, or as its stream."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import structlog

from adapters.slack.api import Api
from adapters.slack.budget import HISTORY, REPLIES
from adapters.slack.failures import Refusal
from adapters.slack.places import Address
from adapters.slack.stream import Room

log = structlog.get_logger(__name__)

LOOKED_AT = 100


async def find_posted(
    api: Api, room: Room, answering: str, nonce: str, others: Collection[str]
) -> str | None:
    """The timestamp of our own message with this nonce, among those after what it answers.

    `others` are known: other parts of the same reply, and those of other replies.
    """
    asked = Address.parse(answering).ts
    arguments: dict[str, Any] = {
        "channel": room.channel,
        "oldest": asked,
        "limit": LOOKED_AT,
        "include_all_metadata": True,
    }
    method = REPLIES if room.thread else HISTORY
    if room.thread:
        arguments["ts"] = room.thread
    try:
        answer = await api.call(room.workspace, method, arguments)
    except Refusal as error:
        log.warning("slack.cannot_look_back", channel=room.channel, reason=str(error))
        return None
    ours = [
        message
        for message in answer.get("messages") or ()
        if message.get("user") == room.workspace.bot_user
        and message.get("ts", "") > asked
        and message["ts"] not in others
    ]
    return _by_nonce(ours, nonce) or (_left_behind(ours) if room.thread else None)


def _by_nonce(messages: list[Mapping[str, Any]], nonce: str) -> str | None:
    for message in messages:
        payload = (message.get("metadata") or {}).get("event_payload") or {}
        if payload.get("nonce") == nonce:
            return str(message["ts"])
    return None


def _left_behind(messages: list[Mapping[str, Any]]) -> str | None:
    """A stream that an earlier run began and did not live to note.

    A stream carries no metadata until it ends, and every other message of a reply does; nor can
    it be known by its text, for an answer that is generated again may be another one. Streams are
    begun in threads only, where one reply is given after the other: if it is not noted as
    another's, it is this reply's.
    """
    for message in messages:
        if not message.get("metadata") and not message.get("files"):
            return str(message["ts"])
    return None
