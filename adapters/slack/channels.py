"""What channels are called."""

from __future__ import annotations

import asyncio

import structlog

from adapters.slack.api import Api
from adapters.slack.budget import CHANNEL
from adapters.slack.failures import Refusal
from adapters.slack.places import is_private
from adapters.slack.recent import Recent
from adapters.slack.workspaces import Workspace
from bot.errors import PlatformError

log = structlog.get_logger(__name__)

REMEMBERED = 3600.0
MOST_REMEMBERED = 10_000
PATIENCE = 0.7
"""Seconds; an event has to be acknowledged within three."""


class Channels:
    """Asks `conversations.info`, and remembers for an hour."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._names: Recent[tuple[str, str], str] = Recent(MOST_REMEMBERED, REMEMBERED)

    async def name(self, workspace: Workspace, channel: str) -> str:
        """A channel's name; empty for a direct message, or if Slack does not tell."""
        key = (workspace.key, channel)
        if is_private(channel):
            return ""
        if (known := self._names.get(key)) is not None:
            return known
        try:
            async with asyncio.timeout(PATIENCE):
                arguments = {"channel": channel}
                answer = await self._api.call(workspace, CHANNEL, arguments, patient=False)
            name = str((answer.get("channel") or {}).get("name") or "")
        except Refusal as error:
            log.debug("slack.channel_unknown", channel=channel, reason=str(error))
            name = ""  # asking again would not help
        except (PlatformError, TimeoutError) as error:
            log.info("slack.channel_not_told", channel=channel, reason=str(error))
            return ""
        self._names.put(key, name)
        return name
