"""A Slack message event as an Inbound: who said what, and whether a person said it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from adapters.slack.markup import mentioned, readable, without_mention
from adapters.slack.people import People
from adapters.slack.places import Event, Habits, is_private, message_id, place_of
from adapters.slack.workspaces import Workspace
from bot.values import Inbound

SPOKEN = frozenset({None, "file_share", "thread_broadcast"})
"""The subtypes of what a person says; the others are announcements."""
SLACKBOT = "USLACKBOT"


def said_by_person(event: Event, workspace: Workspace) -> bool:
    """Whether a person wrote this: no bot, no app, nothing that Slack announced."""
    user = event.get("user")
    if not user or user in {workspace.bot_user, SLACKBOT}:
        return False
    return event.get("subtype") in SPOKEN and not event.get("bot_id")


def mentions_bot(event: Event, workspace: Workspace) -> bool:
    """Whether the message is turned to the bot by itself: in private, or by a mention."""
    if event.get("type") == "app_mention" or is_private(str(event.get("channel", ""))):
        return True
    return workspace.bot_user in mentioned(str(event.get("text") or ""))


async def inbound_of(event: Event, workspace: Workspace, people: People, habits: Habits) -> Inbound:
    """What a person said to the bot."""
    channel = str(event["channel"])
    return Inbound(
        place=place_of(workspace.key, channel, event, habits),
        author=await people.author(workspace, str(event["user"]), channel),
        text=await text_of(event, workspace, people),
        message_id=message_id(channel, event),
        said_at=datetime.fromtimestamp(float(event["ts"]), UTC),
    )


async def text_of(event: Event, workspace: Workspace, people: People) -> str:
    """The words with their markup undone, and the names of what was attached."""
    said = without_mention(str(event.get("text") or ""), workspace.bot_user, workspace.bot_name)
    names = await people.names(workspace, mentioned(said))
    lines = [readable(said, names.get).strip(), *map(_attached, event.get("files") or ())]
    return "\n".join(line for line in lines if line)


def _attached(file: Any) -> str:
    name = file.get("name") or file.get("title") if isinstance(file, dict) else None
    return f"[attached: {name}]" if name else ""
