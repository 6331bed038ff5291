"""Finds a message that an earlier try may have posted: by the nonce in its metadata."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import structlog

from adapters.slack.api import Api
from adapters.slack.budget import HISTORY, REPLIES
from adapters.slack.failures import Refusal
from adapters.slack.places import Address
from adapters.slack.stream import Room

log = structlog.get_logger(__name__)

LOOKED_AT = 100


async def find_posted(api: Api, room: Room, answering: str, nonce: str, text: str) -> str | None:
    """The timestamp of our own message with this nonce, among those after what it answers.

    A stream carries no metadata until it ends; it is known by beginning as our text does.
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
        if message.get("user") == room.workspace.bot_user and message.get("ts", "") > asked
    ]
    return posted_among(ours, nonce, text)


def posted_among(ours: list[Mapping[str, Any]], nonce: str, text: str) -> str | None:
    """Which of our messages carries the nonce, or else is a stream that begins as the text does."""
    return _by_nonce(ours, nonce) or _by_beginning(ours, text)


def _by_nonce(messages: list[Mapping[str, Any]], nonce: str) -> str | None:
    for message in messages:
        payload = (message.get("metadata") or {}).get("event_payload") or {}
        if payload.get("nonce") == nonce:
            return str(message["ts"])
    return None


def _by_beginning(messages: list[Mapping[str, Any]], text: str) -> str | None:
    wanted = _words(text)
    for message in messages:
        shown = _words(str(message.get("text") or ""))
        if not message.get("metadata") and shown and wanted.startswith(shown):
            return str(message["ts"])
    return None


def _words(text: str) -> str:
    """Letters and digits alone: Slack's rendering of Markdown changes the rest."""
    return re.sub(r"\W+", "", text)
