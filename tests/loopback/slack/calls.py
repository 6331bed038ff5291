"""One call of a Web API method, with its arguments as the handlers want them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.loopback.slack.errors import ApiError
from tests.loopback.slack.model import PUBLIC, Channel, Json, Message, Workspace

if TYPE_CHECKING:
    from tests.loopback.slack.world import World


@dataclass
class Call:
    """A call that has passed the limits; `complaints` are what a sound bot would not do."""

    method: str
    args: Json
    token: str
    world: World = field(repr=False)
    caller: Workspace | None
    complaints: list[str] = field(default_factory=list)

    @property
    def workspace(self) -> Workspace:
        """The workspace whose bot token was sent."""
        if self.caller is None:
            raise ApiError("not_allowed_token_type")
        return self.caller

    def need(self, scope: str) -> None:
        """Go no further without this scope."""
        if scope not in self.workspace.scopes:
            granted = ",".join(sorted(self.workspace.scopes))
            raise ApiError("missing_scope", needed=scope, provided=granted)

    def text(self, name: str) -> str:
        """An argument that must be there."""
        value = self.args.get(name)
        if not isinstance(value, str):
            raise ApiError("invalid_arguments")
        return value

    def listed(self, name: str) -> list[Json]:
        """An argument that is a list of objects."""
        value = self.args.get(name) or []
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise ApiError("invalid_arguments")
        return value

    def flag(self, name: str) -> bool:
        """Whether an argument is switched on, in any of Slack's spellings."""
        return self.args.get(name) in (True, "true", "1", 1)

    def channel(self, name: str = "channel") -> Channel:
        """The conversation that an argument names, as far as the bot may know of it."""
        channel = self.workspace.channels.get(self.text(name))
        if channel is None or not (channel.bot_is_in or channel.kind == PUBLIC):
            raise ApiError("channel_not_found")
        return channel

    def joined(self) -> Channel:
        """The same, if the bot is a member of it."""
        channel = self.channel()
        if not channel.bot_is_in:
            raise ApiError("not_in_channel")
        return channel

    def message(self, channel: Channel, name: str = "ts") -> Message:
        """The message that an argument names."""
        found = channel.store.get(self.text(name))
        if found is None:
            raise ApiError("message_not_found")
        return found

    def root(self, channel: Channel, error: str) -> Message | None:
        """The message below which to answer, or `error` if there is none (any more)."""
        ts = self.args.get("thread_ts")
        if not ts:
            return None
        found = channel.store.get(str(ts))
        if found is None:
            raise ApiError(error)
        if found.root is not None:
            self.complaints.append("thread_ts is the timestamp of a reply, not of its thread")
        return found.root or found


Answers = dict[str, Callable[[Call], dict[str, Any]]]
