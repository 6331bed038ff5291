"""The moments at which the program is killed: by the clock, in a commit, at a request."""

from __future__ import annotations

import random
from dataclasses import dataclass

from tests.drill.launcher import AFTER, BEFORE, INSIDE, Deadly

CREATE, EDIT, LOGIN = r"/channels/\d+/messages$", r"/channels/\d+/messages/\d+$", r"/users/@me$"


@dataclass(frozen=True)
class Aim:
    """A request of the program to a platform.

    It dies while the platform holds the request back: before it is carried out, or `after`. With
    `lost` the platform never carries it out.
    """

    platform: str
    method: str
    path: str
    name: str
    after: bool = False
    lost: bool = False

    def __str__(self) -> str:
        when = "carried out, not yet answered" if self.after else "received"
        return f"{self.platform}: {self.name} {'lost' if self.lost else when}"


@dataclass(frozen=True)
class Moment:
    """When one life ends. Without an aim or a deadly commit, `seconds` after its start.

    An aim is taken from `seconds` on. `quiet` is how long the program then stays away.
    """

    seconds: float
    quiet: float
    cold: bool = False
    aim: Aim | None = None
    deadly: Deadly | None = None

    def __str__(self) -> str:
        if self.deadly is not None:
            return f"database: {self.deadly.when} a commit"
        return str(self.aim or "by the clock")


def _three(platform: str, method: str, path: str, name: str) -> tuple[Aim, ...]:
    return (
        Aim(platform, method, path, name),
        Aim(platform, method, path, name, lost=True),
        Aim(platform, method, path, name, after=True),
    )


AIMS = (
    *_three("discord", "POST", CREATE, "create"),
    *_three("discord", "PATCH", EDIT, "edit"),
    Aim("discord", "DELETE", EDIT, "delete"),
    Aim("discord", "GET", LOGIN, "login"),
    *_three("slack", "POST", r"^chat\.startStream$", "start of a stream"),
    *_three("slack", "POST", r"^chat\.stopStream$", "end of a stream"),
    *_three("slack", "POST", r"^chat\.postMessage$", "post"),
    *_three("slack", "POST", r"^chat\.update$", "update"),
    Aim("slack", "POST", r"^chat\.delete$", "delete"),
    Aim("slack", "POST", r"^chat\.appendStream$", "append", after=True),
    Aim("slack", "POST", r"^conversations\.replies$", "look back", after=True),
    Aim("slack", "POST", r"^apps\.connections\.open$", "connect"),
)

SHORT, LONG = (0.1, 6.0), (6.0, 14.0)
"""Seconds of a life that is ended by the clock; in a long one most answers come to their end."""
IN_LONG = 0.2
FIRST_COMMITS, LATER_COMMITS = 6, 120
AIM_FROM = (0.0, 4.0)
COLD = 0.15
"""How often a life that the clock ends begins with a new interpreter, which imports for seconds."""
BY_CLOCK, IN_COMMIT = 0.3, 0.2
"""The parts of all kills; the others are aimed at requests."""
AT_ONCE, AWAY = 0.7, (0.5, 3.0)


def at_birth(dice: random.Random) -> Moment:
    """When one of the very first lives ends, which makes the database."""
    when = dice.choice((BEFORE, INSIDE, AFTER))
    return Moment(0.0, 0.0, deadly=Deadly(dice.randint(1, 2), when))


def choose(dice: random.Random) -> Moment:
    """When the next life ends."""
    quiet = 0.0 if dice.random() < AT_ONCE else dice.uniform(*AWAY)
    kind = dice.random()
    if kind < BY_CLOCK:
        return Moment(dice.uniform(*_span(dice)), quiet, cold=dice.random() < COLD)
    if kind < BY_CLOCK + IN_COMMIT:
        most = FIRST_COMMITS if dice.random() < 0.3 else LATER_COMMITS
        deadly = Deadly(dice.randint(1, most), dice.choice((BEFORE, INSIDE, INSIDE, AFTER)))
        return Moment(0.0, quiet, deadly=deadly)
    return Moment(dice.uniform(*AIM_FROM), quiet, aim=dice.choice(AIMS))


def _span(dice: random.Random) -> tuple[float, float]:
    return LONG if dice.random() < IN_LONG else SHORT
