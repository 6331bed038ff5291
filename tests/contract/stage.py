"""What a scene needs of a platform, whichever it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from tests.board import ScriptedGenerator

Who = str
"""ann and bob are members, chief is an admin."""

Where = Any
"""A conversation on the platform; only its stage looks inside."""

Said = Any
"""A person's message on the platform."""


class Stage(Protocol):
    """The bot running on a loopback platform, with people around it."""

    generator: ScriptedGenerator

    async def mentions(self, who: Who, text: str) -> tuple[Said, Where]:
        """Mention the bot in the channel; `Where` is where the answer will stand."""

    async def in_a_thread(self, who: Who, text: str) -> tuple[Said, Where]:
        """Mention the bot in a new thread of the channel."""

    async def goes_on(self, who: Who, where: Where, text: str) -> Said:
        """Say something more to the bot in the same conversation."""

    async def writes(self, who: Who, text: str) -> tuple[Said, Where]:
        """Write to the bot in private."""

    async def edits(self, who: Who, said: Said, text: str) -> None: ...

    async def deletes(self, who: Who, said: Said) -> None: ...

    async def repeats(self, said: Said) -> None:
        """The platform sends the event of this message once more."""

    async def stops(self, who: Who, where: Where) -> str:
        """Stop the answer with the platform's command; returns what the bot says to that."""

    async def sets_persona(self, who: Who, text: str) -> str:
        """Set the channel's persona; returns what the bot says to that."""

    async def shown(self, where: Where, look: Callable[[list[str]], bool]) -> list[str]:
        """Wait until the texts of the bot's messages there are as looked for."""

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database says."""

    async def settled(self) -> None:
        """Wait until everything that is being answered has its ending."""

    async def restarts(self) -> None:
        """The program is cut off without a chance to finish, and started again."""

    def refused(self) -> int:
        """Requests that the platform has refused for being too many."""
