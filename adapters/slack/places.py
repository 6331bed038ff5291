"""Slack's workspaces, channels, threads and direct messages as Places, and message ids.

A workspace is `T1`, or `E1.T1` within an Enterprise Grid. A direct message is one private Place:
its conversation goes on over all the threads that Slack's Messages tab puts its messages in. So
that an answer finds the right one, the id of a message in such a thread names the thread as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from bot.values import Place

PLATFORM = "slack"

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Habits:
    """Where the bot answers, and whether it follows threads; `…_except` do it the other way."""

    in_thread: bool = True
    in_thread_except: frozenset[str] = frozenset()
    follow: bool = True
    follow_except: frozenset[str] = frozenset()

    def answers_in_thread(self, channel: str) -> bool:
        """Whether a mention in this channel opens a thread; else the channel is the Place."""
        return self.in_thread != (channel in self.in_thread_except)

    def follows(self, channel: str) -> bool:
        """Whether words in the bot's threads need no mention in this channel."""
        return self.follow != (channel in self.follow_except)


@dataclass(frozen=True, slots=True)
class Address:
    """What a message id says: the message, and the root of the thread it stands in."""

    channel: str
    ts: str
    thread: str = ""

    @classmethod
    def parse(cls, message_id: str) -> Address:
        """Read what `message_id` wrote."""
        channel, _, rest = message_id.partition(":")
        ts, _, thread = rest.partition(":")
        return cls(channel, ts, thread)


def is_private(channel: str) -> bool:
    """Whether this is a direct message between the bot and one person."""
    return channel.startswith("D")


def workspace_key(enterprise: str | None, team: str | None) -> str:
    """How a workspace is called in a Place; empty if Slack named neither."""
    return ".".join(part for part in (enterprise, team) if part)


def ids_of(workspace: str) -> tuple[str | None, str | None]:
    """The enterprise and team that `workspace_key` wrote."""
    enterprise, dot, team = workspace.partition(".")
    if dot:
        return enterprise, team
    return (workspace, None) if workspace.startswith("E") else (None, workspace)


def thread_of(event: Event) -> str:
    """The root of the thread that a message stands in; empty for one that stands in none."""
    thread = str(event.get("thread_ts") or "")
    return "" if thread == event.get("ts") else thread


def place_of(
    workspace: str, channel: str, event: Event, habits: Habits, threads: bool | None = None
) -> Place:
    """The conversation that a message belongs to, or would begin.

    `threads` says whether a thread is opened, where that is not left to the habits.
    """
    if is_private(channel):
        return Place(PLATFORM, workspace, channel, private=True)
    thread = thread_of(event)
    if not thread and (habits.answers_in_thread(channel) if threads is None else threads):
        thread = str(event["ts"])
    return Place(PLATFORM, workspace, channel, thread)


def places_of(workspace: str, channel: str, event: Event) -> list[Place]:
    """Where a message may have been kept, whatever its channel was set to do with questions then:
    where it stands, or in the thread opened for it.
    """
    here = channel_place(workspace, channel)
    if here.private:
        return [here]
    if thread := thread_of(event):
        return [replace(here, thread=thread)]
    return [here, replace(here, thread=str(event["ts"]))]


def channel_place(workspace: str, channel: str) -> Place:
    """The channel itself."""
    return Place(PLATFORM, workspace, channel, private=is_private(channel))


def message_id(channel: str, event: Event) -> str:
    """An id that no other message of the workspace has."""
    thread = thread_of(event) if is_private(channel) else ""
    return ":".join(part for part in (channel, str(event["ts"]), thread) if part)


def root_for(place: Place, answering: str) -> str:
    """The thread that an answer goes to; empty for the channel itself."""
    if not place.private:
        return place.thread
    asked = Address.parse(answering)
    return asked.thread or asked.ts
