"""The life of a streamed message: open, then ended by the bot, by a person or by its age."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.loopback.slack.errors import ApiError

if TYPE_CHECKING:
    from tests.loopback.slack.clock import Clock
    from tests.loopback.slack.model import Json

OPEN, DONE, STOPPED, EXPIRED = "open", "done", "stopped by user", "expired"


@dataclass
class Stream:
    """What makes a message a stream. Appending does not prolong its life."""

    clock: Clock = field(repr=False)
    ends_at: float
    chunks: list[Json] = field(default_factory=list, repr=False)
    ended: str = ""
    closing: list[Json] = field(default_factory=list, repr=False)
    """The blocks that were put below the text at its end."""

    @property
    def state(self) -> str:
        """Where it stands now."""
        if not self.ended and self.clock.now() >= self.ends_at:
            self.ended = EXPIRED
        return self.ended or OPEN

    def check_open(self, *, appending: bool) -> None:
        """Raise what Slack answers to those who come too late."""
        if appending and self.state == STOPPED:
            raise ApiError("stopped_by_user")
        if self.state != OPEN:
            raise ApiError("message_not_in_streaming_state")
