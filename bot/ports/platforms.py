"""What the core and the platforms need of one another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from datetime import datetime, timedelta
from typing import Protocol

from bot.control.response import Button
from bot.values import (
    Author,
    Inbound,
    Place,
    Waiting,
)


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

    def outlet(self, place: Place, answering: str, beside: Collection[str] = ()) -> Outlet:
        """The way back to the author of message `answering`; makes no request.

        Messages `beside` belong to other replies there and are never taken for one of this.
        """


class Inbox(Protocol):
    """What an adapter hands its events to."""

    async def accept(self, inbound: Inbound) -> bool:
        """Claim a message; once this returns it is on disk.

        False if it is not answered: it was claimed before, is not admitted, or its author was told
        that it cannot be kept. StorageError if not even that could be said.
        """

    async def amend(self, place: Place, message_id: str, text: str) -> None:
        """A person edited a message."""

    async def withdraw(self, place: Place, message_id: str) -> None:
        """A message was deleted on the platform, by anybody but the bot."""

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

    def seen(self, said_at: datetime) -> None:
        """A message was met while looking, for the bot or not."""

    async def tried(self, channel: str, look: Callable[[], Awaitable[None]]) -> float | None:
        """Look into a channel; after how many seconds to try that again, None if it cannot help.

        Only errors of the database as a whole are raised.
        """

    async def complete(self, look: Look) -> None:
        """Let `look` go through what is left, again and again with growing pauses, until it is all.

        A search that was begun before a restart is followed by one for what was said since then.
        """


Look = Callable[[CatchUp], Awaitable[float | None]]
"""Looks into every channel once; None if nothing is left, else seconds before which it is useless
to look again."""


class Absences(Protocol):
    """Knows what an adapter has heard, and what it therefore missed."""

    def hearing(self, platform: str, said_at: datetime | None) -> AbstractContextManager[None]:
        """Held while a message that has just come is dealt with; an error says that it was not.

        None for a change of a message, however old that is.
        """

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

    async def undone(self, platform: str) -> None:
        """Wait until something that came was not dealt with, and can be looked for again."""

    async def again(self, platform: str, margin: timedelta) -> CatchUp | None:
        """The search for what came and was not dealt with, and for nothing else. None if that has
        been done meanwhile, or is not to be.
        """

    async def familiar(self, platform: str) -> list[Place]:
        """Channels and threads where people talked with the bot or set something, the latest used
        first.
        """

    async def direct(self, platform: str) -> list[Place]:
        """Where people talked with the bot in private, the latest used first."""
