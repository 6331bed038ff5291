"""Replies on a terminal: growing in place for a person, whole and plain for a pipe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

from rich.console import Console
from rich.live import Live
from rich.markdown import Markdown
from rich.spinner import Spinner

from bot.control.response import Button
from bot.ports import Outlet
from bot.values import Place, Waiting

WHOLE = 1_000_000
"""A terminal takes an answer in one piece."""

MARKER = " ▌"
FRAME = 0.05
"""Seconds between two pictures of a growing answer."""


class Screen(Protocol):
    """Where the text of one answer appears."""

    def wait(self) -> None:
        """The answer is on its way."""

    def show(self, text: str) -> None:
        """The text so far."""

    def close(self, text: str) -> None:
        """The whole text; nothing follows."""


class LiveScreen:
    """Markdown that grows in place, for a person."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=12, transient=True)

    def wait(self) -> None:
        self._live.start()
        self._live.update(Spinner("dots", style="dim"))

    def show(self, text: str) -> None:
        self._live.update(Markdown(text))

    def close(self, text: str) -> None:
        self._live.stop()
        self._console.print(Markdown(text))
        self._console.print()


class PlainScreen:
    """The whole answer and a new line, for a pipe."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write

    def wait(self) -> None:
        """A pipe sees nothing of this."""

    def show(self, text: str) -> None:
        """A pipe sees nothing of this."""

    def close(self, text: str) -> None:
        self._write(text + "\n")


class TerminalOutlet:
    """One answer on a screen; `ended` is set when its last word is there."""

    limit = WHOLE
    hides = ""
    marker = MARKER
    appends = False

    def __init__(self, screen: Screen, ended: asyncio.Event) -> None:
        self._screen = screen
        self._ended = ended
        self._open = False
        self._text = ""
        self._next = 0.0

    async def create(
        self,
        text: str,
        *,
        nonce: str,
        final: bool = True,
        again: bool = False,
        buttons: Sequence[Button] = (),
    ) -> str:
        del final, again, buttons
        self._show(text)
        if not self._open:  # an excuse for there being no answer: nothing follows it
            self._close()
        return nonce

    async def edit(
        self,
        message_id: str,
        text: str,
        *,
        final: bool = True,
        buttons: Sequence[Button] = (),
    ) -> None:
        del message_id, final, buttons
        self._show(text)

    async def delete(self, message_id: str) -> None:  # noqa: ARG002 - there is one
        self._show("")

    @asynccontextmanager
    async def working(self, waiting: Callable[[], Waiting]) -> AsyncIterator[None]:
        del waiting
        yield

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        self._screen.wait()
        self._open = True
        try:
            yield
        finally:
            self._close()

    def _close(self) -> None:
        self._screen.close(self._text)
        self._ended.set()

    def pause(self) -> float:
        return max(0.0, self._next - asyncio.get_running_loop().time())

    def _show(self, text: str) -> None:
        self._text = text
        self._screen.show(text)
        self._next = asyncio.get_running_loop().time() + FRAME


class TerminalMessenger:
    """The terminal, as the core sees it. One answer at a time."""

    platform = "terminal"

    def __init__(self, screen: Callable[[], Screen]) -> None:
        self._screen = screen
        self.ended = asyncio.Event()

    def outlet(self, place: Place, answering: str, beside: Collection[str] = ()) -> Outlet:  # noqa: ARG002 - there is one
        return TerminalOutlet(self._screen(), self.ended)
