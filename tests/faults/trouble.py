"""What can be done to a platform on purpose, the same on both: the faults of a scene."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import pytest

from bot.values import Prompt
from tests.board import Step
from tests.contract.stage import Said, Stage, Where
from tests.loopback.faults import Fault, Faults

MARK = "▌"

Moment = str
"""`begin` is the request that posts an answer, `grow` a change to it, `end` the last change."""

Request = tuple[str, str]
"""Method and path of requests, as `Faults` takes them."""


class Trouble(Protocol):
    """One loopback platform, as seen by whoever wants to break it."""

    moments: Mapping[Moment, Request]
    history: Request
    """What asks for the messages of a channel."""

    @property
    def faults(self) -> Faults:
        """What strikes single requests."""

    def closings(self) -> Mapping[str, Callable[[Where], None]]:
        """Ways to take a Place from the bot, for good."""

    def forbid_posting(self, where: Where) -> None:
        """From now on the bot may change what it wrote there, but write nothing new."""

    def delete_answer(self, where: Where) -> None:
        """Somebody deletes the bot's newest message."""

    def fix_answer(self, where: Where, error: str, *, lasting: bool = False) -> None:
        """The bot's newest message takes no changes any more, and cannot even be deleted."""

    def shrink(self, patch: pytest.MonkeyPatch, characters: int) -> None:
        """Messages may be no longer than this."""

    def skew(self, ahead: float) -> None:
        """From now on the platform's clock is so many seconds ahead of this machine's."""

    def hold_events(self) -> None:
        """Keep back what the bot is to be told."""

    async def release_events(self, *, reverse: bool = False) -> None:
        """Tell it, in the order in which it happened or the other way round."""


@dataclass
class Scene:
    """A stage with the means to break it."""

    platform: str
    stage: Stage
    trouble: Trouble

    def strike(self, strike: Strike, moment: Moment) -> Fault:
        """Let a fault strike the next request of this kind."""
        return strike(self.trouble.faults, *self.trouble.moments[moment])

    async def shows(self, where: Where, *texts: str) -> None:
        """Wait until exactly these messages of the bot stand there."""
        await self.stage.shown(where, lambda shown: shown == list(texts))

    async def begun(self, where: Where, text: str) -> None:
        """Wait until a message begins with this."""
        await self.stage.shown(where, lambda shown: bool(shown) and shown[-1].startswith(text))

    async def says(self, where: Where, look: Callable[[str], bool]) -> str:
        """Wait until the bot's newest message there is as looked for; its text."""
        shown = await self.stage.shown(where, lambda shown: bool(shown) and look(shown[-1]))
        return shown[-1]

    def endings(self) -> list[tuple[str, str]]:
        """State and reason of every reply, oldest first."""
        return self.stage.rows("SELECT state, reason FROM replies ORDER BY id")

    def states(self) -> list[str]:
        """The state of every reply, oldest first."""
        return [state for state, _ in self.endings()]

    async def answers_the_next(self, where: Where, *before: str) -> None:
        """The Place lives on: the next message there is answered, below what stands already."""
        await self.stage.goes_on("ann", where, "and then?")
        await self.stage.shown(
            where,
            lambda shown: (
                shown[: len(before)] == list(before)
                and len(shown) == len(before) + 1
                and shown[-1].endswith("and then?")
            ),
        )

    async def asks(self, text: str = "a story") -> tuple[Said, Where]:
        """Ann asks something in the channel."""
        return await self.stage.mentions("ann", text)

    async def asks_and_waits(self, steps: Sequence[Step]) -> Where:
        """Ann asks something, and the model is about to answer with this."""
        begun = asyncio.Event()

        def script(_: Prompt) -> Sequence[Step]:
            begun.set()
            return steps

        self.stage.generator.script = script
        _, where = await self.asks()
        await begun.wait()
        return where


Strike = Callable[[Faults, str, str], Fault]

PAGE = "<html><body><h1>503 Service Unavailable</h1></body></html>"
CUT = '{"ok": true, "id": "1", "channel'
HTML = "text/html"

PASSING: dict[str, Strike] = {
    "too many requests": lambda faults, method, path: faults.refuse(method, path, 1),
    "500": lambda faults, method, path: faults.fail(method, path, status=500),
    "502": lambda faults, method, path: faults.fail(method, path, status=502),
    "503 as a page": lambda faults, method, path: faults.garble(
        method, path, PAGE, status=503, kind=HTML
    ),
    "504 after it acted": lambda faults, method, path: faults.fail(
        method, path, status=504, after=True
    ),
    "a cut answer": lambda faults, method, path: faults.garble(method, path, CUT),
    "reset before it acted": lambda faults, method, path: faults.drop(method, path),
    "reset after it acted": lambda faults, method, path: faults.drop(method, path, after=True),
    "no answer": lambda faults, method, path: faults.hold(method, path),
    "no answer although it acted": lambda faults, method, path: faults.hold(
        method, path, after=True
    ),
}
"""What strikes one request and is over with the next."""


def story(*steps: str) -> tuple[list[str | asyncio.Event], list[asyncio.Event]]:
    """A script that waits before every word but the first, and the events it waits for."""
    gates = [asyncio.Event() for _ in steps[1:]]
    script: list[str | asyncio.Event] = [steps[0]]
    for gate, step in zip(gates, steps[1:], strict=True):
        script += [gate, step]
    return script, gates
