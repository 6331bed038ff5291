"""The threads that the bot takes part in, so that it hears what is said there without a mention."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog

from adapters.slack.api import Api
from adapters.slack.budget import REPLIES
from adapters.slack.markup import mentioned
from adapters.slack.places import Event
from adapters.slack.recent import Recent
from adapters.slack.workspaces import Workspace
from bot.errors import PlatformError

log = structlog.get_logger(__name__)

REMEMBERED = 7 * 86_400.0
MOST_REMEMBERED = 50_000
LOOKED_AT = 100
"""Messages of an unknown thread that are looked through."""
PATIENCE = 1.0


class Threads:
    """Remembers threads; of one not seen since the start, Slack is asked once."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._ours: Recent[tuple[str, str, str], bool] = Recent(MOST_REMEMBERED, REMEMBERED)

    def joined(self, workspace: str, channel: str, root: str) -> None:
        """The bot takes part from now on."""
        self._ours.put((workspace, channel, root), True)

    def learn(self, workspace: Workspace, channel: str, root: str, messages: Sequence[Any]) -> None:
        """Some messages of a thread have come along, perhaps with one of the bot's among them."""
        if _takes_part(messages, workspace):
            self.joined(workspace.key, channel, root)

    async def ours(self, workspace: Workspace, channel: str, root: str, event: Event) -> bool:
        """Whether the bot takes part in the thread that this event is from."""
        key = (workspace.key, channel, root)
        known = self._ours.get(key)
        if known is not None:
            return known
        if event.get("parent_user_id") == workspace.bot_user:
            found = True
        else:
            messages = await self._messages(workspace, channel, root)
            if messages is None:
                return False
            found = _takes_part(messages, workspace)
        self._ours.put(key, found)
        return found

    async def _messages(
        self, workspace: Workspace, channel: str, root: str
    ) -> Sequence[Any] | None:
        arguments = {"channel": channel, "ts": root, "limit": LOOKED_AT}
        try:
            async with asyncio.timeout(PATIENCE):
                answer = await self._api.call(workspace, REPLIES, arguments, patient=False)
        except (PlatformError, TimeoutError) as error:
            log.info("slack.thread_unknown", channel=channel, thread=root, reason=str(error))
            return None
        return answer.get("messages") or ()


def _takes_part(messages: Sequence[Any], workspace: Workspace) -> bool:
    """Whether the thread begins with a mention of the bot, or the bot wrote in it."""
    begun = bool(messages) and workspace.bot_user in mentioned(messages[0].get("text") or "")
    return begun or any(message.get("user") == workspace.bot_user for message in messages)
