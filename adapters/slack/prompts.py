"""What Slack's Messages tab offers to a person who opens it."""

from __future__ import annotations

import structlog

from adapters.slack.api import Api
from adapters.slack.budget import PROMPTS
from adapters.slack.workspaces import Workspace
from bot.control.words import say
from bot.errors import PlatformError

log = structlog.get_logger(__name__)

SUGGESTED = (
    ("abilities", "abilities"),
    ("explain", "explain_words"),
    ("write", "write_words"),
    ("persona", "persona_words"),
)
"""Keys of the catalogue: what is offered, and what is then said."""


class Prompts:
    """Suggests what to say. A Slack without the surface is left in peace."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def suggest(self, workspace: Workspace, channel: str, locale: str = "") -> None:
        """Offer the suggestions; failing is no more than a pity."""
        prompts = [
            {
                "title": say(f"slack.suggest.{title}", locale),
                "message": say(f"slack.suggest.{message}", locale),
            }
            for title, message in SUGGESTED
        ]
        title = say("slack.suggest.title", locale)
        # With a thread_ts the call would succeed and show nothing.
        arguments = {"channel_id": channel, "prompts": prompts, "title": title}
        try:
            await self._api.call(workspace, PROMPTS, arguments, patient=False)
        except PlatformError as error:
            log.info("slack.prompts_not_suggested", channel=channel, reason=str(error))
