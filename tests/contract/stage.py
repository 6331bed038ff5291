"""What a scene needs of a platform, whichever it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from bot.commands.training import Format
from bot.control.response import Given
from tests.board import ScriptedGenerator

Who = str
"""ann and bob are members, chief is an admin, olga an owner."""

Where = Any
"""A conversation on the platform; only its stage looks inside."""

Said = Any
"""A person's message on the platform."""

Window = Any
"""A window that has opened for a person."""

OTHER_MODEL = "Other"
"""The title of a second model; the same generator answers for all."""

SMALL_MODEL = "Small"
"""The title of a third one, with room for few words."""


@dataclass(frozen=True)
class Setting:
    """One setting as the page shows it: its value in words, and where that comes from."""

    shown: str
    origin: str


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

    def reads_in(self, who: Who, locale: str) -> None:
        """The language in which they use the platform."""

    async def edits(self, who: Who, said: Said, text: str) -> None: ...

    async def takes_file_back(self, who: Who, where: Where) -> None:
        """Delete the file of one's message at which, or below which, an answer stands."""

    async def deletes(self, who: Who, said: Said) -> None: ...

    async def removes(self, who: Who, where: Where, *, at: int = -1) -> None:
        """A moderator deletes one of the bot's messages there."""

    async def repeats(self, said: Said) -> None:
        """The platform sends the event of this message once more."""

    async def stops(self, who: Who, where: Where) -> str:
        """Stop the answer with the platform's command; returns what the bot says to that."""

    async def sets_persona(self, who: Who, text: str) -> str:
        """Set the channel's persona; returns what the bot says to that."""

    async def says(self, who: Who, text: str) -> tuple[Said, Where]:
        """Say something in the channel to nobody; `Where` is where an answer would stand."""

    async def attaches(self, who: Who, text: str, name: str, content: bytes) -> Where:
        """Mention the bot in the channel with a file."""

    async def uses(
        self, who: Who, command: str, there: Where | None = None, /, **given: Given
    ) -> str:
        """Use a command; returns what the bot says to that, to this person alone."""

    async def presses(self, who: Who, where: Where, label: str, *, at: int = -1) -> str:
        """Press a button below one of the bot's messages there; what it says to this person."""

    async def forges(self, who: Who, where: Where, button_id: str) -> str:
        """Press a button that says this, below the bot's newest message there; what it says."""

    async def repeats_press(self) -> None:
        """The platform sends the event of the last press once more."""

    async def opens(self, who: Who, where: Where, label: str) -> Window:
        """Press a button below the bot's newest message there that opens a window."""

    async def sends(self, who: Who, window: Window, text: str) -> None:
        """Write into the one field of a window, and send it."""

    async def presses_with(self, who: Who, where: Where, label: str, text: str) -> None:
        """Press a button that opens a window with one field, write into it, and send it."""

    async def chooses(self, who: Who, where: Where, name: str) -> str:
        """Choose from the menu of the bot's newest message there; what it says to this person."""

    async def offers(self, where: Where, label: str) -> None:
        """Wait until the bot's newest message there has this button, and all is quiet."""

    async def presses_stop(self, who: Who, where: Where) -> None:
        """Press the button that the platform shows while the bot writes its newest message."""

    async def quiet(self) -> None:
        """Wait until everything has its answer."""

    async def confirms(self, who: Who, command: str, label: str) -> str:
        """Use a command that asks first and press this button; what it says after that."""

    async def fetches(self, who: Who, command: str) -> str:
        """Use a command that sends a file to this person alone; what the file says."""

    async def persona_window(self, who: Who) -> tuple[str | None, str]:
        """Open the window for the persona: what its field for a text holds, or None without one.

        And what the file says that comes with it, if one does.
        """

    async def page(self, who: Who, group: str) -> Mapping[str, Setting]:
        """What the page of settings shows of one of its groups, by the settings' labels."""

    def named(self, who: Who) -> str:
        """A person as an argument of a command."""

    @property
    def channel_named(self) -> str:
        """The channel as an argument of a command."""

    def mention(self, who: Who) -> str:
        """A person as the bot writes them, for the platform to show by name."""

    async def sets_persona_by_file(self, who: Who, name: str, content: bytes) -> str:
        """Set the channel's persona from a file; returns what the bot says to that."""

    async def shown(
        self, where: Where, look: Callable[[list[str]], bool], seconds: float = 30
    ) -> list[str]:
        """Wait until the texts of the bot's messages there are as looked for."""

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """What the database says."""

    async def feedback(self, shape: Format) -> list[dict[str, Any]]:
        """The lines that the operator exports for training."""

    async def settled(self) -> None:
        """Wait until everything that is being answered has its ending."""

    async def gives_up(self) -> str:
        """Wait until the program has ended by itself; the reason."""

    async def restarts(self) -> None:
        """The program is cut off without a chance to finish, and started again."""

    async def leaves(self) -> None:
        """The program is stopped in good order."""

    async def returns(self) -> None:
        """The program is started again."""

    def clock_is_off(self, hours: float) -> None:
        """From the next start on the computer's clock is so far ahead, or behind."""

    def broken(self, fault: str) -> AbstractAsyncContextManager[None]:
        """The database is out of order in this way, and works again afterwards."""

    def refused(self) -> int:
        """Requests that the platform has refused for being too many."""
