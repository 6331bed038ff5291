"""What is about to be said, by a person or the bot, and what the app is about to be told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.loopback.slack.model import Json, Message, Upload, User, Workspace
    from tests.loopback.slack.streams import Stream


@dataclass(frozen=True)
class Event:
    """Something to tell the app in one workspace; `message` is what it is about, if anything."""

    workspace: Workspace
    name: str
    body: Json
    message: Message | None = None


@dataclass
class Draft:
    """What a message is going to be."""

    content: str
    fallback: str = ""
    root: Message | None = None
    blocks: list[Json] = field(default_factory=list)
    metadata: Json | None = None
    markdown: bool = False
    link_names: bool = False
    only_for: User | None = None
    stream: Stream | None = None
    files: list[Upload] = field(default_factory=list)


def texts(blocks: list[Json]) -> list[str]:
    """The words of sections and Markdown blocks."""
    found = []
    for block in blocks:
        text = block.get("text")
        if isinstance(text, dict) and text.get("type") == "mrkdwn":
            found.append(str(text.get("text", "")))
        elif isinstance(text, str) and block.get("type") == "markdown":
            found.append(text)
    return found
