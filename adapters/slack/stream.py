"""One native stream: a message that Slack lets grow, and ends after about five minutes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from adapters.slack.api import Api
from adapters.slack.asked import Asker
from adapters.slack.blocks import Json
from adapters.slack.budget import APPEND, START, STOP, Clock
from adapters.slack.pings import harmless, settled
from adapters.slack.workspaces import Workspace

LIFE = 240.0
"""Seconds after which we end a stream ourselves; Slack does at about 300, and appends are lost."""


METADATA = "quipu_reply"
"""The type of the metadata in which our messages carry their nonce."""


@dataclass(frozen=True, slots=True)
class Room:
    """Where an outlet writes: a channel, and the thread in it (empty for none)."""

    workspace: Workspace
    channel: str
    thread: str


class Stream:
    """Appends what is new. Not safe against calls side by side: one writer, one call in flight.

    After a call that had no answer nobody knows what is shown; the stream is to be given up then.
    """

    def __init__(
        self, api: Api, room: Room, asker: Asker | None, clock: Clock, *, nonce: str
    ) -> None:
        self._api = api
        self._nonce = nonce
        self._room = room
        self._asker = asker
        self._clock = clock
        self._began = 0.0
        self._sent = ""
        self.ts = ""

    @property
    def old(self) -> bool:
        """Whether it is time to end the stream before Slack does."""
        return self._clock() - self._began >= LIFE

    async def start(self, text: str) -> str:
        """Post the message; its id."""
        beginning = settled(text)
        self._began = self._clock()
        arguments = {"channel": self._room.channel, "thread_ts": self._room.thread}
        arguments |= _words(beginning) | self._recipient()
        answer = await self._api.call(self._room.workspace, START, arguments, held=True)
        self._sent = beginning if beginning.strip() else ""
        self.ts = str(answer["ts"])
        return self.ts

    def continues(self, text: str) -> bool:
        """Whether this text begins with what is shown."""
        return harmless(text).startswith(self._sent)

    def shows(self, text: str) -> bool:
        """Whether this very text is shown."""
        return harmless(text) == self._sent

    async def append(self, text: str) -> None:
        """Let the message grow to this text, as far as that is settled."""
        grown = settled(text)
        if not grown[len(self._sent) :].strip():
            return
        arguments = self._message | _words(grown[len(self._sent) :])
        await self._api.call(self._room.workspace, APPEND, arguments, patient=False)
        self._sent = grown

    async def stop(self, text: str, below: Sequence[Json] = ()) -> None:
        """Append the rest of this text, if it continues what is shown, and end the stream.

        Only its end can have blocks `below`, such as buttons.
        """
        rest = harmless(text)[len(self._sent) :] if self.continues(text) else ""
        # Only now does a stream take metadata.
        arguments = self._message | _words(rest) | {"metadata": posted_as(self._nonce)}
        if below and (rest or self._sent) and self.continues(text):
            arguments["blocks"] = list(below)
        await self._api.call(self._room.workspace, STOP, arguments, held=True)
        self._sent += rest

    @property
    def _message(self) -> dict[str, Any]:
        return {"channel": self._room.channel, "ts": self.ts}

    def _recipient(self) -> dict[str, str]:
        """In channels Slack wants to know for whom it streams."""
        if self._asker is None:
            return {}
        return {"recipient_user_id": self._asker.user, "recipient_team_id": self._asker.team}


def posted_as(nonce: str) -> dict[str, Any]:
    """The metadata of a message, by which it can be found again."""
    return {"event_type": METADATA, "event_payload": {"nonce": nonce}}


def _words(text: str) -> dict[str, str]:
    return {"markdown_text": text} if text.strip() else {}
