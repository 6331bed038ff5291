"""What is kept about answers, settings, votes and people; frozen values, as in `bot.values`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from bot.values import Author, FinishReason, Persona, Place, ReplyState

Messages = tuple[tuple[str, str], ...]
"""Pairs of a role and a text."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What an answer was made with, beside its prompt: for "why this answer" and for training."""

    model: str = ""
    precision: str = ""
    adapter: str = ""
    sampling: tuple[tuple[str, Any], ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Alternative:
    """One answer that was given to a message; the newest has the highest number, from 1 on."""

    number: int
    text: str
    origin: Origin
    finish: FinishReason
    seed: int | None
    tokens: int
    prompt_tokens: int
    reused: int
    kept: int
    dropped: int
    persona: Persona | None
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Record:
    """A reply as the journal has it, for commands about it; `shown` is the alternative in use."""

    reply_id: int
    place: Place
    author: Author
    message_id: str
    state: ReplyState
    text: str
    shown: int
    alternatives: tuple[Alternative, ...]
    newest: bool
    """Whether no later message of the conversation has been answered."""


@dataclass(frozen=True, slots=True)
class SettingValue:
    """One setting as it holds: set at `scope`, which is empty for the configuration."""

    key: str
    value: Any
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """One line of the audit list."""

    at: datetime
    author: Author
    scope: str
    what: str
    before: str | None
    after: str | None


class Verdict(StrEnum):
    """What somebody thinks of an answer."""

    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's vote on one answer."""

    reply_id: int
    number: int
    author: Author
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Preference:
    """One person's choice between two answers to the same message, by their numbers."""

    reply_id: int
    better: int
    worse: int
    author: Author


@dataclass(frozen=True, slots=True)
class Example:
    """Feedback with all that training needs; `votes` are the verdicts on each answer's number.

    `prompts` are what the answers were made from, by their numbers, as role and text (system, user,
    assistant …) as it was sent. Of an answer whose prompt is gone there is none.
    """

    reply_id: int
    prompts: Mapping[int, Messages]
    answers: tuple[Alternative, ...]
    votes: tuple[Vote, ...]
    preferences: tuple[Preference, ...]


@dataclass(frozen=True, slots=True)
class Use:
    """What was used in a day, by one person or by everybody, in one scope."""

    messages: int = 0
    tokens: int = 0


@dataclass(frozen=True, slots=True)
class Stored:
    """How much is kept about a person, for showing it before exporting or deleting."""

    messages: int
    answers: int
    votes: int
    personas: int
    in_force: int
    places: int
    lists: int
    since: datetime | None
    feedback_use: bool
    locale: str = ""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a Place is answered: `when` is mention, always or never.

    `threads`: the bot opens a thread for each question of a channel; None is as the platform's
    configuration has it. `bots`: other bots are answered, too. `names`: prompts of shared Places
    say who speaks.
    """

    when: str = "mention"
    threads: bool | None = None
    bots: bool = False
    names: bool = True


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a message is answered. A refusal with a `notice` is told, one without is silent.

    `reason` is a word for the cause: the same person is not told twice of the same within minutes.
    """

    admitted: bool = True
    notice: str = ""
    reason: str = ""
