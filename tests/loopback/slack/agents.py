"""What an agent shows beside its messages: status, title, suggested prompts, session."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.loopback.slack.errors import ApiError

if TYPE_CHECKING:
    from tests.loopback.slack.calls import Answers, Call
    from tests.loopback.slack.model import Channel, Message
    from tests.loopback.slack.world import World

LIFETIME = 120.0
MOST_PROMPTS = 4
SESSION_STATES = ("active", "processing", "suspended", "closed")


@dataclass
class Status:
    """One setting of a thread's status, and when it was taken away again."""

    at: float
    thread_ts: str
    text: str
    loading_messages: tuple[str, ...] = ()
    cleared_at: float | None = None

    def shown(self, now: float) -> str:
        """What people see of it: nothing after two minutes or a message in the thread."""
        gone = self.cleared_at is not None or now >= self.at + LIFETIME
        return "" if gone else self.text


class Agents:
    """The methods of the agent surface."""

    def __init__(self, world: World) -> None:
        self._world = world

    def methods(self) -> Answers:
        """Its methods by name."""
        return {
            "assistant.threads.setStatus": self.set_status,
            "assistant.threads.setTitle": self.set_title,
            "assistant.threads.setSuggestedPrompts": self.suggest,
            "agents.sessions.setStatus": self.set_session,
            "agents.sessions.rename": self.rename,
        }

    def set_status(self, call: Call) -> dict[str, Any]:
        """Show what the bot is doing, or nothing any more."""
        channel = call.channel("channel_id")
        root = _root(channel, call.text("thread_ts"))
        loading = call.args.get("loading_messages") or ()
        now = self._world.clock.now()
        clear_status(channel, root.ts, now)
        channel.statuses.append(Status(now, root.ts, call.text("status"), tuple(loading)))
        self._world.changes.announce()
        return {}

    def set_title(self, call: Call) -> dict[str, Any]:
        """Name a thread."""
        channel = call.channel("channel_id")
        channel.titles[_root(channel, call.text("thread_ts")).ts] = call.text("title")
        self._world.changes.announce()
        return {}

    def suggest(self, call: Call) -> dict[str, Any]:
        """Suggest what to say. With a thread it does nothing, and does not say so."""
        channel = call.channel("channel_id")
        prompts = call.listed("prompts")
        if len(prompts) > MOST_PROMPTS or not all(
            p.keys() == {"title", "message"} for p in prompts
        ):
            raise ApiError("invalid_arguments")
        if "thread_ts" not in call.args:
            channel.prompts.append({"title": call.args.get("title", ""), "prompts": prompts})
            self._world.changes.announce()
        return {}

    def set_session(self, call: Call) -> dict[str, Any]:
        """Open a session, or say how it stands."""
        channel, thread = self._session_place(call)
        if call.args.get("status") not in SESSION_STATES:
            raise ApiError("invalid_status")
        channel.sessions[thread] = call.text("status")
        if title := call.args.get("title"):
            channel.titles[thread] = title
        self._world.changes.announce()
        return {}

    def rename(self, call: Call) -> dict[str, Any]:
        """Name a session."""
        channel, thread = self._session_place(call)
        if thread not in channel.sessions:
            raise ApiError("session_not_found")
        if not 0 < len(call.text("title")) <= 200:
            raise ApiError("invalid_name")
        channel.titles[thread] = call.text("title")
        self._world.changes.announce()
        return {}

    def _session_place(self, call: Call) -> tuple[Channel, str]:
        channel = call.channel("channel_id")
        thread = call.args.get("thread_ts")
        if not thread:
            raise ApiError("thread_ts_required")
        if thread not in channel.store:
            raise ApiError("channel_not_found")
        return channel, thread


def clear_status(channel: Channel, thread_ts: str, now: float) -> None:
    """A message in the thread, or a new status, takes the old one away."""
    for status in channel.statuses:
        if status.thread_ts == thread_ts and status.cleared_at is None:
            status.cleared_at = now


def _root(channel: Channel, ts: str) -> Message:
    message = channel.store.get(ts)
    if message is None or message.root is not None:
        raise ApiError("invalid_thread_ts")
    return message
