"""A small platform in memory, and a generator that follows a script: real ports, no network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bot.control.response import Button
from bot.errors import Busy, Gone, QuipuError
from bot.reply.messages import MARKER
from bot.values import Finish, FinishReason, Place, Prompt, Sampling, Waiting

PATIENCE = 30.0
"""Seconds after which a test gives up waiting."""


@dataclass
class Posted:
    """A message of the bot and everything it ever showed."""

    id: str
    place: Place
    answering: str
    shown: list[str]
    deleted: bool = False
    buttons: tuple[Button, ...] = ()

    @property
    def text(self) -> str:
        return self.shown[-1]


@dataclass
class Board:
    """A platform on which messages are posted and edited. Tests wait for what they want to see."""

    platform: str = "discord"
    limit: int = 2000
    appends: bool = False
    posted: list[Posted] = field(default_factory=list)
    failures: list[QuipuError] = field(default_factory=list)
    failures_after: list[QuipuError] = field(default_factory=list)
    stubborn: list[QuipuError] = field(default_factory=list)
    seconds: float = 0.0
    looked: int = 0
    open_replies: int = 0
    most_open: int = 0
    typing: int = 0
    in_flight: int = 0
    most_in_flight: int = 0

    def __post_init__(self) -> None:
        self.gate = asyncio.Event()
        self.gate.set()
        self._news = asyncio.Condition()
        self._nonces: dict[str, Posted] = {}

    def outlet(
        self,
        place: Place,
        answering: str,
        beside: Collection[str] = (),  # noqa: ARG002
    ) -> BoardOutlet:
        return BoardOutlet(self, place, answering)

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.posted if not message.deleted]

    async def until(self, seen: Callable[[], bool]) -> None:
        """Wait until something is true; it is asked again whenever something changed."""
        async with asyncio.timeout(PATIENCE), self._news:
            await self._news.wait_for(seen)

    async def changed(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def request(self) -> None:
        """Every request goes through here: it can be held up and it can fail."""
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await self.changed()
        try:
            await self.gate.wait()
            if self.failures:
                raise self.failures.pop(0)
        finally:
            self.in_flight -= 1

    async def create(
        self,
        place: Place,
        answering: str,
        text: str,
        nonce: str,
        buttons: Sequence[Button] = (),
    ) -> Posted:
        await self.request()
        if nonce not in self._nonces:
            number = f"m{len(self.posted) + 1}"
            message = Posted(number, place, answering, [text], buttons=tuple(buttons))
            self.posted.append(message)
            self._nonces[nonce] = message
        if self.failures_after:  # it is posted, but the answer is lost on the way back
            raise self.failures_after.pop(0)
        await self.changed()
        return self._nonces[nonce]

    async def edit(self, message_id: str, text: str, buttons: Sequence[Button] = ()) -> None:
        await self.request()
        message = next((m for m in self.posted if m.id == message_id and not m.deleted), None)
        if message is None:
            raise Gone(f"there is no message {message_id}")
        message.shown.append(text)
        message.buttons = tuple(buttons)
        await self.changed()


@dataclass
class BoardOutlet:
    """One reply's way to the board."""

    board: Board
    place: Place
    answering: str

    @property
    def limit(self) -> int:
        return self.board.limit

    hides = ""

    @property
    def marker(self) -> str:
        return "" if self.board.appends else MARKER

    @property
    def appends(self) -> bool:
        return self.board.appends

    async def create(
        self,
        text: str,
        *,
        nonce: str,
        final: bool = True,
        again: bool = False,
        buttons: Sequence[Button] = (),
    ) -> str:
        del final, again
        return (await self.board.create(self.place, self.answering, text, nonce, buttons)).id

    async def edit(
        self,
        message_id: str,
        text: str,
        *,
        final: bool = True,
        buttons: Sequence[Button] = (),
    ) -> None:
        if self.board.appends and not final:
            shown = next(m for m in self.board.posted if m.id == message_id).text
            assert text.startswith(shown), "an unfinished text may only grow"
        await self.board.edit(message_id, text, buttons)

    async def delete(self, message_id: str) -> None:
        if self.board.stubborn:
            raise self.board.stubborn.pop(0)
        await self.board.request()
        for message in self.board.posted:
            if message.id == message_id:
                message.deleted = True
        await self.board.changed()

    @asynccontextmanager
    async def working(self, waiting: Callable[[], Waiting]) -> AsyncIterator[None]:
        assert waiting().place >= 0
        self.board.typing += 1
        await self.board.changed()
        try:
            yield
        finally:
            self.board.typing -= 1
            await self.board.changed()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        self.board.open_replies += 1
        self.board.most_open = max(self.board.most_open, self.board.open_replies)
        try:
            yield
        finally:
            self.board.open_replies -= 1
            await self.board.changed()

    def pause(self) -> float:
        self.board.looked += 1
        return self.board.seconds if self.board.posted else 0.0


Step = str | Exception | asyncio.Event | FinishReason | Finish
Script = Callable[[Prompt], Sequence[Step]]


def echo(prompt: Prompt) -> Sequence[str]:
    """Answers with the last message, word by word."""
    said = prompt.text.rpartition("[INST]")[2].partition("[/INST]")[0].strip()
    return [f"{word} " for word in f"You said: {said.rpartition('<</SYS>>')[2].strip()}".split()]


class ScriptedAnswer:
    """Gives the script's text; waits at events and raises errors where the script has them.

    A reason in the script, or all that there is to say of the end, is how it ends.
    """

    def __init__(self, steps: Sequence[Step], prompt: Prompt) -> None:
        self.finish: Finish | None = None
        self.closed = asyncio.Event()
        self.waiting = 0
        self.wait: float | None = None
        self._steps = steps
        self._prompt = prompt

    async def __aiter__(self) -> AsyncIterator[str]:
        tokens, reason = 0, FinishReason.STOP
        for step in self._steps:
            if isinstance(step, asyncio.Event):
                await self._unless_closed(step)
            if self.closed.is_set():
                break
            if isinstance(step, asyncio.Event):
                continue
            if isinstance(step, Exception):
                raise step
            if isinstance(step, Finish):
                self.finish = step
                return
            if isinstance(step, FinishReason):
                reason = step
                break
            tokens += 1
            yield step
        if self.closed.is_set():
            reason = FinishReason.CANCELLED
        self.finish = Finish(reason, tokens, len(self._prompt.ids))

    async def aclose(self) -> None:
        self.closed.set()

    async def _unless_closed(self, step: asyncio.Event) -> None:
        waits = [asyncio.create_task(event.wait()) for event in (step, self.closed)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()


class ScriptedGenerator:
    """A generator that needs no model; `prompts` is what it was asked."""

    context = 4096

    def __init__(self, script: Script = echo) -> None:
        self.script = script
        self.prompts: list[Prompt] = []
        self.answers: list[ScriptedAnswer] = []
        self.adapters: list[str] = []
        self.samplings: list[Sampling] = []
        self.full = False

    def generate(
        self, prompt: Prompt, sampling: Sampling, place: Place, *, adapter: str = ""
    ) -> ScriptedAnswer:
        assert sampling.max_new_tokens > 0
        assert place.id
        if self.full:
            raise Busy("the queue is full")
        self.prompts.append(prompt)
        self.adapters.append(adapter)
        self.samplings.append(sampling)
        self.answers.append(ScriptedAnswer(self.script(prompt), prompt))
        return self.answers[-1]

    async def close(self) -> None:
        self.full = True
