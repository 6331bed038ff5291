"""The choices that one case is made of: they can be kept, given again, and changed a little."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

Thing = TypeVar("Thing")

LARGEST = 1 << 30


class Draws:
    """First the given choices, then those of the dice; without dice always the first thing."""

    __slots__ = ("_dice", "_given", "made")

    def __init__(self, given: Sequence[int] = (), dice: random.Random | None = None) -> None:
        self._given = given
        self._dice = dice
        self.made: list[int] = []

    def below(self, most: int) -> int:
        """A number from 0 to below `most`."""
        at = len(self.made)
        if at < len(self._given):
            value = self._given[at] % most
        else:
            value = int(self._dice.random() * most) if self._dice else 0
        self.made.append(value)
        return value

    def pick(self, things: Sequence[Thing]) -> Thing:
        """One of these."""
        return things[self.below(len(things))]

    def often(self, of: int) -> bool:
        """True but for one time in so many."""
        return self.below(of) != 0


def changed(kept: Sequence[int], others: Sequence[Sequence[int]], dice: random.Random) -> list[int]:
    """A case like a kept one: some choices otherwise, left out, repeated, or from another case."""
    made = list(kept)
    for _ in range(dice.randint(1, 4)):
        at = dice.randrange(len(made) + 1)
        length = dice.randint(1, 6)
        match dice.randrange(4):
            case 0 if made:
                made[at % len(made)] = dice.randrange(LARGEST)
            case 1:
                del made[at : at + length]
            case 2:
                made[at:at] = made[at : at + length]
            case _:
                other = dice.choice(others)
                made[at:] = other[dice.randrange(len(other) + 1) :]
    return made
