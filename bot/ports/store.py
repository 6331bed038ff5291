"""What the core needs of whoever keeps conversations."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol

from bot.control.records import Origin
from bot.errors import OutOfOrder
from bot.values import (
    Author,
    Choice,
    Finish,
    Inbound,
    Part,
    Persona,
    Place,
    Prompt,
    Reply,
    ReplyState,
    Turn,
)


class Personas(Protocol):
    """The persona of a Place, for an adapter's commands."""

    async def show(self, place: Place, author: Author | None = None) -> Persona:
        """What an answer begun now at this place, to this author, has."""

    async def set(self, place: Place, text: str, author: Author) -> Persona:
        """Set the channel's persona. Forbidden unless the author is an admin; TooLong; Refused."""

    async def clear(self, place: Place, author: Author) -> Persona:
        """Back to what the place inherits, which is returned. Forbidden as in `set`."""


class Choices(Protocol):
    """What each Place's answers are made with."""

    async def choice(self, place: Place) -> Choice:
        """What an answer begun now at this place is made with."""


class Store(Protocol):
    """What outlives the process. Every method is one transaction; StorageError on failure.

    OutOfOrder, at once, as long as the database is known to be that.
    """

    async def claim(self, inbound: Inbound) -> Reply | None:
        """Save the message as a turn and open its reply, exactly once; None if it was there."""

    async def merge(self, replies: Sequence[int], into: int) -> None:
        """End these replies as merged; their turns are answered by reply `into`."""

    async def advance(self, reply_id: int, state: ReplyState, *, attempt: bool = ...) -> None:
        """Note that an unfinished reply is now `state`; an `attempt` at it is counted."""

    async def spare(self, reply_id: int) -> None:
        """Take the newest attempt at an unfinished reply back."""

    async def flush(self, reply_id: int, text: str) -> None:
        """Note the text so far."""

    async def save_part(self, reply_id: int, part: Part) -> None:
        """Note that a platform message belongs to the reply, with the text last shown in it."""

    async def drop_part(self, reply_id: int, index: int) -> None:
        """Note that a platform message of the reply was taken back."""

    async def left_over(self, platform: str) -> list[Reply]:
        """The newest replies that ended as merged and still have messages, which nobody needs."""

    async def complete(
        self, reply_id: int, text: str, finish: Finish, prompt: Prompt, origin: Origin = ...
    ) -> None:
        """The text is whole: save it as a turn and an answer, and go on to delivering."""

    async def end(
        self,
        reply_id: int,
        state: ReplyState,
        *,
        text: str | None = None,
        reason: str = "",
        marked: bool = False,
    ) -> None:
        """End a reply. A text given here is saved as its turn unless `complete` has done so.

        It is `marked` if its messages may still show an unfinished answer.
        """

    async def reopen_marked(self, platform: str, place: Place | None = None) -> list[Reply]:
        """Make the newest replies that ended so unfinished again: all, or those of a Place."""

    async def history(self, place: Place, reply_id: int) -> list[Turn]:
        """The turns of the conversation up to and with those that this reply answers.

        In order of exchanges: what a reply answers, then its answer. Begins at the window's start.
        """

    async def left_out(self, place: Place, reply_id: int) -> int:
        """How many turns of the conversation stand before the window's start."""

    async def keep_from(
        self, place: Place, turn_id: int, *, reply_id: int = ..., dropped: int = ...
    ) -> None:
        """Move the window's start on: earlier turns no longer come into prompts.

        As of this reply, so many were `dropped` since the conversation began.
        """

    async def unfinished(self, platform: str) -> list[Reply]:
        """Replies that have no ending yet, oldest first."""

    async def amend(self, place: Place, message_id: str, text: str) -> bool:
        """Change the saved turn of a platform message; False if there is none."""

    async def withdraw(self, place: Place, message_id: str) -> bool:
        """Remove the saved turn of a platform message; False if there is none."""

    async def take_down(self, place: Place, message_id: str) -> Reply | None:
        """Remove the answer that a platform message showed, with its alternatives.

        The reply with the other messages that show it; None if the message shows none.
        """

    async def persona(self, scopes: Sequence[str]) -> Persona | None:
        """The newest persona of the first scope that has one."""

    async def set_persona(self, scope: str, text: str | None, author: Author) -> Persona | None:
        """Save a new version (None clears) and what it replaced in the audit list."""

    async def heard_until(self, platform: str) -> datetime | None:
        """The time of the newest message that was heard on a platform."""

    async def note_heard(self, platform: str, until: datetime) -> None:
        """Move that time forward."""

    async def looked_through(self, platform: str) -> dict[str, datetime]:
        """Ids of the places in which a search that has not ended found all said before a time."""

    async def note_looked(self, place: Place, until: datetime) -> None:
        """Nothing that was said there before that time is missing."""

    async def claimed(
        self, platform: str, workspace: str, message_ids: Collection[str]
    ) -> set[str]:
        """Those of the messages that were claimed already."""

    async def familiar(self, platform: str, *, channels: int, threads: int) -> list[Place]:
        """Where people talked with the bot or set something, the latest used first.

        So many channels at most, and of each so many threads; nothing that is private.
        """

    async def direct(self, platform: str, *, limit: int) -> list[Place]:
        """Private places where people talked with the bot, the latest used first."""

    async def said_since(self, place: Place, since: datetime) -> list[tuple[Place, str]]:
        """People's messages kept of a channel and its threads: where, and their ids."""

    @property
    def trouble(self) -> OutOfOrder | None:
        """Why nothing can be written now; None if it can, as far as is known."""

    async def well(self) -> None:
        """Wait until the database can be used again, if it could not."""

    async def check(self) -> None:
        """Ask the database something. StorageError if it does not answer."""

    async def try_to_write(self) -> None:
        """Write something that changes nothing, to disk. StorageError if that cannot be done."""

    async def size(self) -> int | None:
        """Bytes that the database takes; None where that is unknown."""

    async def close(self) -> None: ...
