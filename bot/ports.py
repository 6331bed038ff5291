"""What the core needs of the rest of the house: a store, a generator and messengers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime, timedelta
from typing import Protocol

from bot.control.records import Origin
from bot.control.response import Button
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
    Sampling,
    Turn,
    Waiting,
)


class Answer(Protocol):
    """One answer being written: iterate for text, close to stop early.

    Iteration yields new text, whole characters only and never a stop string. It raises
    GenerationError if this answer failed. `finish` is set once the iteration has ended.
    """

    finish: Finish | None

    @property
    def waiting(self) -> int:
        """The place in the queue; 0 once the model works on this answer."""

    @property
    def wait(self) -> float | None:
        """Seconds until the model begins, estimated from measured speed; None if unknown."""

    def __aiter__(self) -> AsyncIterator[str]: ...

    async def aclose(self) -> None:
        """Give up the answer and free its place in the batch. May be called at any time."""


class Generator(Protocol):
    """What turns prompts into text: in this process, or at an endpoint."""

    @property
    def context(self) -> int:
        """Tokens that prompt and answer may have together."""

    def generate(
        self, prompt: Prompt, sampling: Sampling, place: Place, *, adapter: str = ""
    ) -> Answer:
        """Queue the prompt; Busy if the queue is full, Refused if the request is not sound.

        `adapter` names one of the model's adapters; empty is the model itself.
        """

    async def close(self) -> None:
        """Stop the worker; running answers raise GenerationError."""


class Outlet(Protocol):
    """Where one reply goes: the Place of one message, as its platform takes messages."""

    @property
    def limit(self) -> int:
        """Characters that one message may hold."""

    @property
    def hides(self) -> str:
        """The mark between two of which the platform hides text; empty where it has none."""

    @property
    def marker(self) -> str:
        """Stands behind an unfinished text; empty where the platform shows that by itself."""

    @property
    def appends(self) -> bool:
        """Whether an unfinished text can only grow at its end, so that nothing is repaired there.

        Asked once the outlet is open, as `marker` is.
        """

    async def create(
        self,
        text: str,
        *,
        nonce: str,
        final: bool = True,
        again: bool = False,
        buttons: Sequence[Button] = (),
    ) -> str:
        """Post a message and return its id. `final` says that this text will not change.

        With `again` an earlier try may have posted it, perhaps with an older text: then that
        message is found by its nonce and nothing is posted twice. `buttons` are shown below it, as
        far as the platform can.
        """

    async def edit(
        self,
        message_id: str,
        text: str,
        *,
        final: bool = True,
        buttons: Sequence[Button] = (),
    ) -> None:
        """Replace the whole text and the buttons of a message. Undeliverable if it is gone."""

    async def delete(self, message_id: str) -> None:
        """Take back a message that is no longer needed. No error if it is gone already."""

    def working(self, waiting: Callable[[], Waiting]) -> AbstractAsyncContextManager[None]:
        """Show that an answer is on its way for as long as it is held.

        `waiting` gives its place in the queue, and how long that may take.
        """

    def open(self) -> AbstractAsyncContextManager[None]:
        """Keep what this reply's ending needs of the platform's budget."""

    def pause(self) -> float:
        """Seconds until an unfinished text is within budget: 0 means now, infinity never."""


class Messenger(Protocol):
    """One platform, as the core sees it."""

    platform: str

    def outlet(self, place: Place, answering: str) -> Outlet:
        """The way back to the author of message `answering`; makes no request."""


class Inbox(Protocol):
    """What an adapter hands its events to."""

    async def accept(self, inbound: Inbound) -> bool:
        """Claim a message; once this returns it is on disk.

        False if it is not answered: it was claimed before, or is not admitted.
        """

    async def amend(self, place: Place, message_id: str, text: str) -> None:
        """A person edited a message."""

    async def withdraw(self, place: Place, message_id: str) -> None:
        """A message was deleted on the platform."""

    async def stop(self, place: Place, author: Author) -> bool:
        """Stop the answer that is being written here; False if there is none.

        Forbidden unless the author asked for that answer, or is an admin.
        """


class CatchUp(Protocol):
    """The search for what people wrote to the bot while it was away from one platform."""

    @property
    def since(self) -> datetime:
        """What was said before this need not be looked for."""

    async def unclaimed(self, place: Place, message_ids: Collection[str]) -> set[str]:
        """Those of the messages of a workspace that nobody has claimed."""

    async def take(self, missed: Sequence[Inbound], *, told: Collection[str] = ()) -> None:
        """What was missed in one channel and its threads, oldest first: answered or declined.

        The messages that the platform has told of after all are not declined.
        """

    async def room(self) -> None:
        """Wait until answers are few enough to look into another channel."""

    def looked_through(self, place: Place) -> bool:
        """Whether this search has been there before it was cut off: a channel, or a thread."""

    async def note(self, place: Place) -> None:
        """Nothing is missing there any more: a search after a restart passes it by."""

    async def said_since(self, place: Place, since: datetime) -> list[tuple[Place, str]]:
        """Messages kept of a channel and its threads: where, and their ids."""

    async def end(self, until: datetime | None) -> CatchUp | None:
        """Everything has been looked through; `until` is the newest message that was seen.

        The next search, if this one was begun before a restart: for what was said since then.
        """


class Absences(Protocol):
    """Knows what an adapter has heard, and what it therefore missed."""

    def hearing(self, platform: str, said_at: datetime) -> AbstractContextManager[None]:
        """Held while a message that has just come is dealt with."""

    def lost(self, platform: str) -> None:
        """From now on nothing is heard; nothing changes if that was known."""

    def kept(self, platform: str) -> None:
        """The connection is back, and nothing of the meantime is missing."""

    def clock(self, platform: str, date: str | None) -> None:
        """What the head `Date` of an answer of the platform says, which has just come."""

    async def begin(self, platform: str, margin: timedelta) -> CatchUp | None:
        """The connection is there, without what was said before. None if nothing was missed.

        `margin` is by how much the platform's events can come late.
        """

    async def familiar(self, platform: str) -> list[Place]:
        """Where people talked with the bot or set something, the latest used first."""


class Personas(Protocol):
    """The persona of a Place, for an adapter's commands."""

    async def show(self, place: Place) -> Persona: ...

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

    async def advance(self, reply_id: int, state: ReplyState) -> None:
        """Note that an unfinished reply is now `state`."""

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

    async def keep_from(self, place: Place, turn_id: int) -> None:
        """Move the window's start: earlier turns no longer come into prompts."""

    async def unfinished(self, platform: str) -> list[Reply]:
        """Replies that have no ending yet, oldest first."""

    async def amend(self, place: Place, message_id: str, text: str) -> bool:
        """Change the saved turn of a platform message; False if there is none."""

    async def withdraw(self, place: Place, message_id: str) -> bool:
        """Remove the saved turn of a platform message; False if there is none."""

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

    async def familiar(self, platform: str, *, limit: int) -> list[Place]:
        """Places where people talked with the bot or set something, the latest used first."""

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
