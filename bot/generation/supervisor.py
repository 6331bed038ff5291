"""Keeps a thread at work: one that dies is followed by another, and one that hangs is reported."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from bot.errors import GeneratorLost

log = structlog.get_logger(__name__)

PAUSES = (0.0, 0.1, 0.5, 2.0, 5.0)
LONGEST_PAUSE = 15.0
STEADY = 50
"""Turns that must go well before earlier deaths are forgotten."""
HANG = 300.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to bear with a thread: seconds.

    It is started again after each of the `pauses`; if it dies once more, what it worked on is given
    up and it is started after the `longest` one. One turn of it may take up to `hang`, 0 is for
    ever; that is looked at every `tick`.
    """

    hang: float = HANG
    tick: float = 1.0
    pauses: Sequence[float] = PAUSES
    longest: float = LONGEST_PAUSE


@dataclass(frozen=True, slots=True)
class Death:
    """What a thread died of, and how many have died in a row with it."""

    fault: BaseException
    count: int


class Job(Protocol):
    """What the thread does, in turns that are counted; it is `turning` while one goes on."""

    turns: int
    turning: bool

    def work(self, before: Death | None) -> None:
        """Until there will be nothing more to do. `before` is how the last thread ended."""

    def give_up(self, fault: BaseException) -> None:
        """The thread died too often: drop what it worked on."""

    def lose(self, error: GeneratorLost) -> None:
        """There will be no other thread."""

    def ended(self) -> None:
        """There will be no other thread, because the work is done."""


class Supervisor:
    """Runs a job on one daemon thread after the other, until `end` or until it is lost."""

    def __init__(self, job: Job, patience: Patience) -> None:
        self.restarts = 0
        self._job = job
        self._patience = patience
        self._deaths = 0
        self._alarmed = False
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._watch = threading.Thread(target=self._run, name="generation watch", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._watch.start()

    @property
    def alive(self) -> bool:
        """Whether a thread is still at work."""
        return self._watch.is_alive() or bool(self._thread and self._thread.is_alive())

    def end(self) -> None:
        """Start no other thread. The job's own must be told by whoever calls this."""
        self._ending.set()

    def join(self, seconds: float) -> None:
        """Wait until all threads have ended, but no longer than that."""
        self._watch.join(seconds)

    def _run(self) -> None:
        before: Death | None = None
        try:
            while fault := self._life(before):
                if isinstance(fault, GeneratorLost):
                    log.critical("generation_lost", error=str(fault))
                    self._job.lose(fault)
                    break
                before, pause = self._mourn(fault)
                if self._ending.wait(pause):
                    break
        finally:
            self._job.ended()

    def _life(self, before: Death | None) -> BaseException | None:
        """One thread from its start to its end; what it died of, if it did."""
        died: list[BaseException] = []

        def live() -> None:
            try:
                self._job.work(before)
            except BaseException as error:  # noqa: BLE001 -- SystemExit would end the thread, too
                died.append(error)

        begun = self._job.turns
        self._thread = threading.Thread(target=live, name="generation", daemon=True)
        self._thread.start()
        still, turn = 0, -1
        while self._thread.is_alive():
            self._thread.join(self._patience.tick)
            self._praise(self._job.turns - begun)
            # Ticks are counted, not seconds: a process that was stopped for an hour does not hang.
            still = still + 1 if self._job.turning and turn == self._job.turns else 0
            turn = self._job.turns
            seconds = still * self._patience.tick
            if 0 < self._patience.hang <= seconds and self._thread.is_alive():
                words = f"a step has been computed for {seconds:g} s, restart the process"
                return GeneratorLost(words)
        self._job.turning = False
        return died[0] if died else None

    def _praise(self, turns: int) -> None:
        if self._deaths and turns >= STEADY:
            self._deaths = 0
            if self._alarmed:
                log.warning("generation_recovered", restarts=self.restarts)
            self._alarmed = False

    def _mourn(self, fault: BaseException) -> tuple[Death, float]:
        """Note a death, and how long to wait before the next thread."""
        self.restarts += 1
        self._deaths += 1
        death = Death(fault, self._deaths)
        if self._deaths <= len(self._patience.pauses):
            log.error("generation_restarted", deaths=self._deaths, exc_info=fault)
            return death, self._patience.pauses[self._deaths - 1]
        if not self._alarmed:
            log.critical("generation_gave_up", deaths=self._deaths, exc_info=fault)
        self._alarmed = True
        self._job.give_up(fault)
        return death, self._patience.longest
