"""Facts about what the program does, told as they happen to whoever counts them.

Nothing here holds people's words, names or ids: only platforms, models, states and numbers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from bot.values import ReplyState


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds from the claim to each step of a reply; None where it never came to that.

    `first_text` is the model's first text and `shown` when people could see it, `last_text` the
    model's last one, `ended` when the whole answer stood.
    """

    queued: float | None = None
    first_text: float | None = None
    shown: float | None = None
    last_text: float | None = None
    ended: float = 0.0


@dataclass(frozen=True, slots=True)
class Edits:
    """Texts of one reply on their way to its messages.

    `sent` were created or edited; `merged` went along in a later one; `throttled` had to be sent
    again, because the platform or our own budget refused them just then.
    """

    sent: int = 0
    merged: int = 0
    throttled: int = 0


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """One reply's life is over. `model` is empty where none was asked."""

    platform: str
    state: ReplyState
    times: Times = Times()
    edits: Edits = Edits()
    model: str = ""
    tokens: int = 0
    prompt_tokens: int = 0
    reused_tokens: int = 0
    tokens_per_second: float | None = None


@dataclass(frozen=True, slots=True)
class MessageRefused:
    """A message for the bot was not answered, for a reason out of a short list."""

    platform: str
    reason: str


@dataclass(frozen=True, slots=True)
class LimitMet:
    """A platform said that we asked too much of it (429).

    `edit` says that it was an edit which the platform's library sends again by itself, so that no
    reply's `Edits` know of it.
    """

    platform: str
    edit: bool = False


@dataclass(frozen=True, slots=True)
class TransactionEnded:
    """A transaction of the database, from asking for it until it was whole."""

    operation: str
    seconds: float
    failed: bool = False


@dataclass(frozen=True, slots=True)
class LoopLagged:
    """The event loop came so much later than it had been asked to."""

    seconds: float


@dataclass(frozen=True, slots=True)
class ModelAnswered:
    """A model has just given text."""

    model: str


@dataclass(frozen=True, slots=True)
class ChoreFailed:
    """Work in the background ended with an error, and begins again."""

    chore: str


Fact = (
    ReplyEnded
    | MessageRefused
    | LimitMet
    | TransactionEnded
    | LoopLagged
    | ModelAnswered
    | ChoreFailed
)


class Observer(Protocol):
    """Whoever counts. Called in the event loop; must be quick and never raise."""

    def note(self, fact: Fact) -> None: ...


class Observers:
    """Hands every fact on to each of several; with none it is forgotten."""

    def __init__(self, observers: Iterable[Observer] = ()) -> None:
        self._observers = tuple(observers)

    def note(self, fact: Fact) -> None:
        """Tell everybody."""
        for observer in self._observers:
            observer.note(fact)


UNOBSERVED = Observers()
"""For where nobody counts."""
