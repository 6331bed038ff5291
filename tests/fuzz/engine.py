"""Tries a target with many cases, keeps those that reach new code, and cuts failures down."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.draws import Draws, changed

ROOT = str(Path(__file__).parents[2])
OWN = tuple(f"{ROOT}/{room}/" for room in ("bot", "adapters"))
WATCHED_FIRST = 2000
"""Cases that are watched from the beginning; then every sixteenth is, for watching is slow."""
WATCHED_EVERY = 16
MOST_KEPT = 2000
AGAIN = 0.5
"""The share of cases that are like one that was kept."""
SHRINKING = 2000

Way = tuple[object, int, int]
"""A step from one line to another in a piece of our code."""


@dataclass(frozen=True)
class Finding:
    """A case that broke a promise, as short as it could be made, and how."""

    choices: tuple[int, ...]
    words: str


@dataclass
class Trial:
    """What came of trying one target."""

    cases: int = 0
    seconds: float = 0.0
    kept: list[list[int]] = field(default_factory=list)
    ways: set[Way] = field(default_factory=set)
    finding: Finding | None = None


def try_out(work: Callable[[Draws], object], cases: int, dice: random.Random) -> Trial:
    """Try so many cases; the first that breaks the promise ends it."""
    trial = Trial()
    began = time.process_time()
    for number in range(cases):
        again = bool(trial.kept) and dice.random() < AGAIN
        given = changed(dice.choice(trial.kept), trial.kept, dice) if again else []
        draws = Draws(given, dice)
        watched = number < WATCHED_FIRST or number % WATCHED_EVERY == 0
        try:
            if watched:
                _watch(work, draws, trial)
            else:
                work(draws)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
            trial.finding = _cut_down(work, draws.made, error)
            break
        trial.cases += 1
    trial.seconds = time.process_time() - began
    return trial


def _watch(work: Callable[[Draws], object], draws: Draws, trial: Trial) -> None:
    """Do the work, and keep the case if it went a way that none before went."""
    known, before = len(trial.ways), sys.gettrace()
    sys.settrace(_tracer(trial.ways))
    try:
        work(draws)
    finally:
        sys.settrace(before)
    if len(trial.ways) > known and len(trial.kept) < MOST_KEPT:
        trial.kept.append(draws.made)


def _tracer(ways: set[Way]) -> Callable[[FrameType, str, Any], Any]:
    def entered(frame: FrameType, event: str, argument: Any) -> Any:
        code = frame.f_code
        if not code.co_filename.startswith(OWN):
            return None
        last = 0

        def stepped(frame: FrameType, event: str, argument: Any) -> Any:
            nonlocal last
            if event == "line":
                ways.add((code, last, frame.f_lineno))
                last = frame.f_lineno
            return stepped

        return stepped

    return entered


def _cut_down(work: Callable[[Draws], object], made: Sequence[int], error: Exception) -> Finding:
    """The shortest choices found that fail in the same way."""
    choices, words = list(made), told(error)
    left = SHRINKING
    size = len(choices)
    while size and left > 0:
        at, smaller = 0, False
        while at < len(choices) and left > 0:
            left -= 1
            without = choices[:at] + choices[at + size :]
            calm = choices[:at] + [0] * len(choices[at : at + size]) + choices[at + size :]
            for tried in (without, *([calm] if calm != choices else [])):
                failed = _failure(work, tried)
                if type(failed) is type(error):
                    choices, words, smaller = tried, told(failed), True
                    break
            else:
                at += size
        size = size if smaller and size == 1 else size // 2
    return Finding(tuple(choices), words)


def _failure(work: Callable[[Draws], object], choices: Sequence[int]) -> Exception | None:
    try:
        work(Draws(choices))
    except Exception as error:  # noqa: BLE001 - it is compared with the one that is looked for
        return error
    return None


def told(error: Exception | None) -> str:
    """What went wrong, in a line."""
    return f"{type(error).__name__}: {ascii(str(error))[:300]}"
