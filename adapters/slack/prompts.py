"""What Slack's Messages tab offers to a person who opens it."""

from __future__ import annotations

import structlog

from adapters.slack.api import Api
from adapters.slack.budget import PROMPTS
from adapters.slack.workspaces import Workspace
from bot.errors import PlatformError

log = structlog.get_logger(__name__)

TITLE = "What would you like to talk about?"
SUGGESTED = (
    ("What can you do?", "What can you do?"),
    ("Explain something", "Explain to me in a few sentences how a language model works."),
    ("Help me write", "Help me write a short, friendly message to my team."),
    ("Who are you here?", "Which persona do you have, and how can it be changed?"),
)


class Prompts:
    """Suggests what to say. A Slack without the surface is left in peace."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def suggest(self, workspace: Workspace, channel: str) -> None:
        """Offer the suggestions; failing is no more than a pity."""
        prompts = [{"title": title, "message": message} for title, message in SUGGESTED]
        # With a thread_ts the call would succeed and show nothing.
        arguments = {"channel_id": channel, "prompts": prompts, "title": TITLE}
        try:
            await self._api.call(workspace, PROMPTS, arguments, patient=False)
        except PlatformError as error:
            log.info("slack.prompts_not_suggested", channel=channel, reason=str(error))
