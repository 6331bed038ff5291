"""A Slack message event as an Inbound: who said what, and whether a person said it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from adapters.slack.files import Files
from adapters.slack.markup import mentioned, readable, without_mention
from adapters.slack.people import People
from adapters.slack.places import Event, is_private, message_id
from adapters.slack.workspaces import Workspace
from bot.values import Author, Inbound, Place, Standing

SPOKEN = frozenset({None, "file_share", "thread_broadcast"})
"""The subtypes of what a person says; the others are announcements."""
BOT_SPOKEN = SPOKEN | {"bot_message"}
SLACKBOT = "USLACKBOT"
TOMBSTONE = "tombstone"
"""What is left of the root of a thread, and of a file, when it is deleted."""


def said_by_person(event: Event, workspace: Workspace) -> bool:
    """Whether a person wrote this: no bot, no app, nothing that Slack announced."""
    user = event.get("user")
    if not user or user in {workspace.bot_user, SLACKBOT}:
        return False
    return event.get("subtype") in SPOKEN and not event.get("bot_id")


def said_by_us(event: Event, bot_user: str | None, bot_id: str | None) -> bool:
    """Whether the bot itself, known by these ids, wrote this."""
    user, bot = event.get("user"), event.get("bot_id")
    return (bool(user) and user == bot_user) or (bool(bot) and bot == bot_id)


def is_echo(event: Event, bot_user: str | None, bot_id: str | None) -> bool:
    """Whether this tells no more than what the bot itself has just said or edited.

    That somebody deleted what it said is no echo.
    """
    subtype, said = event.get("subtype"), event
    if subtype == "message_changed":
        said = event.get("message") or {}
    gone = subtype == "message_deleted" or said.get("subtype") == TOMBSTONE
    return not gone and said_by_us(said, bot_user, bot_id)


def said_by_other_bot(event: Event, workspace: Workspace) -> bool:
    """Whether another app's bot wrote this, and not we ourselves."""
    bot, user = event.get("bot_id"), event.get("user")
    if not bot or bot == workspace.bot_id or user in {workspace.bot_user, SLACKBOT}:
        return False
    return event.get("subtype") in BOT_SPOKEN


def mentions_bot(event: Event, workspace: Workspace) -> bool:
    """Whether the message is turned to the bot by itself: in private, or by a mention."""
    if event.get("type") == "app_mention" or is_private(str(event.get("channel", ""))):
        return True
    return workspace.bot_user in mentioned(str(event.get("text") or ""))


@dataclass(frozen=True, slots=True)
class Text:
    """What a message says, and the names of the files that could not be read into it."""

    words: str
    declined: tuple[str, ...] = ()


async def inbound_of(
    event: Event,
    workspace: Workspace,
    people: People,
    place: Place,
    text: str,
    *,
    mentioned: bool,
    channel_name: str = "",
) -> Inbound:
    """What somebody said, for the bot to answer."""
    channel = str(event["channel"])
    author = await _author(event, workspace, people, channel)
    return Inbound(
        place=place,
        author=author,
        text=text,
        message_id=message_id(channel, event),
        said_at=datetime.fromtimestamp(float(event["ts"]), UTC),
        mentioned=mentioned,
        locale=people.locale(workspace, author.id),
        channel_name=channel_name,
        workspace_name=workspace.name,
    )


async def text_of(event: Event, workspace: Workspace, people: People, files: Files) -> Text:
    """The words with their markup undone, the text files, and the names of other files."""
    said = without_mention(str(event.get("text") or ""), workspace.bot_user, workspace.bot_name)
    names = await people.names(workspace, mentioned(said))
    blocks, declined = await files.read(workspace, _attached(event))
    unread = [f"[attached: {name}]" for name in declined]
    lines = [readable(said, names.get).strip(), *unread]
    words = "\n".join(line for line in lines if line)
    return Text("\n\n".join([words, *blocks] if words else blocks), tuple(declined))


def file_ids(event: Event) -> set[str]:
    """The files that a message has; of a deleted one Slack leaves its id with a mark."""
    return {str(file.get("id") or "") for file in _attached(event)}


def is_empty(event: Event) -> bool:
    """Whether nothing is left of what somebody said: their files were deleted, or the words."""
    return not event.get("text") and not _attached(event)


def has_lost_a_file(event: Event) -> bool:
    """Whether somebody deleted one of its files; that does not count as an edit."""
    files = (file for file in event.get("files") or () if isinstance(file, Mapping))
    return any(file.get("mode") == TOMBSTONE for file in files)


def _attached(event: Event) -> list[Mapping[str, Any]]:
    files = (file for file in event.get("files") or () if isinstance(file, Mapping))
    return [file for file in files if file.get("mode") != TOMBSTONE]


async def _author(event: Event, workspace: Workspace, people: People, channel: str) -> Author:
    if not event.get("bot_id"):
        return await people.author(workspace, str(event["user"]), channel)
    profile = event.get("bot_profile") or {}
    name = event.get("username") or profile.get("name") or event["bot_id"]
    return Author(str(event.get("user") or event["bot_id"]), str(name), Standing.BOT)
