"""What is asked of every contender, and what is noted of its answers. Standard library only."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

VOCABULARY = 32000
BOS = 1
GOLDEN = 0.6180339887498949


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: token ids, how many to answer, and when it comes, in seconds from the start."""

    prompt: tuple[int, ...]
    new: int
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class Room:
    """What a contender that reserves memory beforehand is told to reserve, and its step's bound.

    A new room empties whatever was cached; the same room keeps it.
    """

    slots: int
    length: int
    budget: int = 512


@dataclass(frozen=True, slots=True)
class Load:
    """Requests that are served in one go."""

    asks: tuple[Ask, ...]
    room: Room

    @classmethod
    def read(cls, data: dict[str, Any]) -> Load:
        """What `asdict` made of a load, after it went through JSON."""
        asks = (Ask(tuple(a["prompt"]), a["new"], a["at"]) for a in data["asks"])
        return cls(tuple(asks), Room(**data["room"]))


@dataclass(slots=True)
class Trace:
    """When a request came and when each token of its answer was there, in seconds."""

    asked: float
    times: list[float] = field(default_factory=list)
    tokens: list[int] = field(default_factory=list)

    @property
    def first(self) -> float:
        """Seconds from the question to the first token."""
        return self.times[0] - self.asked

    @property
    def gaps(self) -> list[float]:
        """Seconds between one token and the next."""
        return [b - a for a, b in zip(self.times, self.times[1:], strict=False)]


@dataclass(slots=True)
class Served:
    """What became of a load. `held` is the longest that the event loop was held, if there is one.

    `peak` is the most memory so far, in MB: the device's, or this process's on a CPU.
    """

    traces: list[Trace]
    held: float | None = None
    peak: float = 0.0

    @classmethod
    def read(cls, data: dict[str, Any]) -> Served:
        return cls([Trace(**trace) for trace in data["traces"]], data["held"], data["peak"])

    def write(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def words(dice: random.Random, count: int) -> tuple[int, ...]:
    """Ids that no special token is among."""
    return tuple(dice.randrange(100, VOCABULARY - 1000) for _ in range(count))


def together(requests: int, *, round_: int, new: int = 64) -> Load:
    """Requests at once, prompts of 192 to 320 tokens; fewer requests are the first of more."""
    dice = random.Random(f"together {round_}")
    lengths = [192 + int(128 * ((0.5 + index * GOLDEN) % 1)) for index in range(requests)]
    asks = tuple(Ask((BOS, *words(dice, length - 1)), new) for length in lengths)
    return Load(asks, Room(max(requests, 2), 320 + new, budget=2048))


def staggered(*, round_: int, requests: int = 24, every: float = 0.4) -> Load:
    """One request after the other, prompts of 64 to 448 tokens, answers of 16 to 128."""
    dice = random.Random(f"staggered {round_}")
    sizes = random.Random("sizes of the staggered load")  # the same in every round
    asks = []
    for index in range(requests):
        prompt, new = sizes.randrange(64, 448), sizes.randrange(16, 128)
        asks.append(Ask((BOS, *words(dice, prompt - 1)), new, index * every))
    return Load(tuple(asks), Room(16, 640))


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation of which the persona and what the person says are known beforehand."""

    persona: tuple[int, ...]
    said: tuple[tuple[int, ...], ...]
    reply: int

    def ask(self, history: Sequence[int], turn: int) -> Load:
        """The next turn; a room for one conversation and the beginning of another."""
        prompt = (*(history or self.persona), *self.said[turn])
        whole = len(self.persona) + len(self.said) * (len(self.said[0]) + self.reply)
        return Load((Ask(prompt, self.reply),), Room(2, whole + 64))


def chat(*, round_: int, turns: int = 10, said: int = 70, reply: int = 30) -> Chat:
    """Ten turns: a persona of 150 tokens, then 70 said and 30 answered in each."""
    dice = random.Random(f"chat {round_}")
    persona = (BOS, *words(dice, 149))
    return Chat(persona, tuple(words(dice, said) for _ in range(turns)), reply)
