"""The killer: starts the program and ends it at the moment that was chosen, again and again."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tests.drill.lives import KILLED, Life, Lives
from tests.drill.moments import Aim, Moment, choose
from tests.loopback.faults import Fault, Faults

LONGEST = 12.0
"""Seconds that an aim is taken for; then the clock decides."""


class EndedByItselfError(Exception):
    """The program ended although nobody killed it."""


@dataclass
class Kill:
    """What ended a life."""

    life: int
    moment: str
    hit: bool
    after: float
    """Seconds that the life lasted."""


@dataclass
class Killer:
    """Kills as often as it is told; `faults` hold requests back, by platform."""

    lives: Lives
    faults: Mapping[str, Faults]
    dice: random.Random
    kills: list[Kill] = field(default_factory=list)

    async def run(
        self,
        count: int,
        tell: Callable[[int], None],
        chosen: Callable[[random.Random], Moment] = choose,
    ) -> None:
        """Live and die until there have been so many kills."""
        while len(self.kills) < count:
            moment = chosen(self.dice)
            life = self.lives.begin(cold=moment.cold, deadly=moment.deadly)
            hit = await self._end(life, moment)
            if life.code != KILLED:
                raise EndedByItselfError(f"life {life.number} ended with {life.code}: {life.log}")
            lasted = round((life.ended or 0.0) - life.began, 3)
            self.kills.append(Kill(life.number, str(moment), hit, lasted))
            tell(len(self.kills))
            await asyncio.sleep(moment.quiet)

    @property
    def by_moment(self) -> Counter[str]:
        """How many kills hit what they were aimed at; the others are the clock's."""
        return Counter(kill.moment if kill.hit else "by the clock" for kill in self.kills)

    async def _end(self, life: Life, moment: Moment) -> bool:
        """End a life; whether that came as it was meant to."""
        if moment.deadly is not None:
            hit = await life.wait(LONGEST)
            await life.kill()
            return hit
        if await life.wait(moment.seconds):
            return False
        hit = moment.aim is None or await self._aim(moment.aim, life)
        await life.kill()
        return hit

    async def _aim(self, aim: Aim, life: Life) -> bool:
        """Wait for the request, and let it go on only when the program is dead."""
        fault = self.faults[aim.platform].hold(
            aim.method, aim.path, after=aim.after, reset=aim.lost
        )
        try:
            await fault.reached(max(1.0, LONGEST - (time.monotonic() - life.began)))
            await life.kill()
        except TimeoutError:
            return False
        else:
            return True
        finally:
            _disarm(fault)


def _disarm(fault: Fault) -> None:
    fault.times = 0
    fault.release()
