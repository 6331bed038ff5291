"""The crowd: people who talk to the bot at many spots at once, whether it lives or not."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Collection, Sequence

from tests.drill.said import Said, Spot

PAUSE = (0.5, 6.0)
"""Seconds between two messages of one person at one spot."""
PATIENCE = (4.0, 15.0)
"""Seconds after which somebody without an answer says something more."""
LOOK_EVERY = 0.1
MOST_OPEN = 3
"""Messages at one spot that wait for an answer before its people say more: nobody floods a lane."""
IN_A_ROW = 0.15
"""How often somebody says two things in a row, which are answered together."""
TOPICS = ("knots", "llamas", "rope bridges", "the weather", "maize", "stars", "runners", "gold")

Waiting = Callable[[], Collection[tuple[str, str]]]
"""The messages that wait for an answer: platform and id."""


class Crowd:
    """Every person at every spot is a task of its own, with dice of its own."""

    def __init__(self, spots: Sequence[Spot], seed: int, waiting: Waiting) -> None:
        self._spots = spots
        self._seed = seed
        self._waiting = waiting
        self._tasks: list[asyncio.Task[None]] = []
        self._begun = 0
        self.said: list[Said] = []

    async def greet(self) -> None:
        """Somebody says something at every spot."""
        dice = random.Random(self._seed)
        for spot in self._spots:
            await self._say(spot, spot.people[0], dice)

    def begin(self) -> None:
        """Let everybody talk, until they are told to hush."""
        self._begun += 1
        for spot in self._spots:
            for who in spot.people:
                dice = random.Random(f"{self._seed}/{self._begun}/{spot.name}/{who}")
                talk = self._talk(spot, who, dice)
                self._tasks.append(asyncio.create_task(talk, name=f"{who} at {spot.name}"))

    async def hush(self) -> None:
        """Nobody says anything any more."""
        for task in self._tasks:
            task.cancel()
        tasks, self._tasks = self._tasks, []
        for ended in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(ended, Exception):
                raise ended

    async def _talk(self, spot: Spot, who: str, dice: random.Random) -> None:
        while True:
            await asyncio.sleep(dice.uniform(*PAUSE))
            if self._open(spot) >= MOST_OPEN:
                continue
            for _ in range(2 if dice.random() < IN_A_ROW else 1):
                said = await self._say(spot, who, dice)
            await self._wait(spot, said, dice.uniform(*PATIENCE))

    def _open(self, spot: Spot) -> int:
        """How many messages wait here, as the journal says; people could not tell."""
        waiting = self._waiting()
        return sum(one.spot is spot and (spot.platform, one.id) in waiting for one in self.said)

    async def _say(self, spot: Spot, who: str, dice: random.Random) -> Said:
        number = len(self.said) + 1
        said = await spot.say(who, number, f"no. {number}: tell me of {dice.choice(TOPICS)}")
        self.said.append(said)
        return said

    @staticmethod
    async def _wait(spot: Spot, said: Said, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not spot.seems_answered(said):  # noqa: ASYNC110 - they look
            await asyncio.sleep(LOOK_EVERY)
