"""A conversation at the terminal: every line is a message, a few words beginning with / are not."""

from __future__ import annotations

import getpass
import uuid
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

from adapters.terminal.messenger import TerminalMessenger
from bot.control.words import told
from bot.errors import QuipuError
from bot.ports import Inbox, Personas
from bot.values import Author, Inbound, Place, Standing

HELP = """\
/persona           show the persona, the instructions that I keep to
/persona TEXT      give me another one, for example: /persona You are a pirate.
/persona clear     go back to the usual one
/reset             begin a new conversation
/help              show this
/quit              leave (Ctrl-D does too)"""


class TerminalChat:
    """Hands lines to the core and waits for each answer before it takes the next line."""

    def __init__(
        self,
        messenger: TerminalMessenger,
        inbox: Inbox,
        personas: Personas,
        say: Callable[[str], None],
    ) -> None:
        self._messenger = messenger
        self._inbox = inbox
        self._personas = personas
        self._say = say
        self._author = Author("local", _name(), Standing.ADMIN)
        self._place = _new_place()

    async def talk(self, lines: AsyncIterator[str]) -> None:
        """Every line is a message; empty ones are passed over."""
        async for line in lines:
            if line.strip():
                await self.message(line.strip())

    async def converse(self, lines: AsyncIterator[str]) -> None:
        """As `talk`, and lines that begin with a slash are commands."""
        async for line in lines:
            words = line.strip()
            if words in ("/quit", "/exit"):
                return
            if words.startswith("/"):
                await self._command(words)
            elif words:
                await self.message(words)

    async def message(self, text: str) -> None:
        """Send one message and wait until its answer, or the reason for none, is shown."""
        self._messenger.ended.clear()
        message = Inbound(self._place, self._author, text, uuid.uuid4().hex, datetime.now(UTC))
        if await self._inbox.accept(message):
            await self._messenger.ended.wait()

    async def _command(self, words: str) -> None:
        name, _, rest = words.partition(" ")
        if name == "/persona":
            await self._persona(rest.strip())
        elif name == "/reset":
            self._place = _new_place(self._place)
            self._say("A new conversation.")
        else:
            self._say(HELP)

    async def _persona(self, text: str) -> None:
        try:
            if text == "clear":
                persona = await self._personas.clear(self._place, self._author)
            elif text:
                persona = await self._personas.set(self._place, text, self._author)
            else:
                persona = await self._personas.show(self._place)
        except QuipuError as error:
            self._say(told(error, ""))
            return
        self._say(f"My persona: {persona.text}")


def _name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user may have no name
        return "you"


def _new_place(before: Place | None = None) -> Place:
    """A thread of its own for every conversation, in one channel whose persona they share."""
    channel = before.channel if before else uuid.uuid4().hex
    return Place("terminal", "local", channel, uuid.uuid4().hex, private=True)
