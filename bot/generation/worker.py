"""The one thread that owns the model: requests come in, their tokens go out to event loops."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from asyncio import AbstractEventLoop
from collections.abc import Callable

import structlog
import torch

from bot.errors import Busy, GenerationError
from bot.generation.outbox import Ear, Listener, Outbox
from bot.generation.request import Request
from bot.generation.scheduler import Output, Scheduler
from bot.generation.stepper import DeviceLost, Stepper
from bot.generation.weights.machine import processors
from bot.values import FinishReason

log = structlog.get_logger(__name__)

CLOSING_PATIENCE = 10.0
"""Seconds that `close` waits for the step in progress."""


class Worker:
    """Runs requests on a daemon thread. Every public method may be called from any thread.

    Every request that was accepted gets exactly one ending, whatever happens.
    """

    def __init__(
        self, scheduler: Scheduler, stepper: Stepper, *, capacity: int, threads: int | None = None
    ) -> None:
        self._scheduler = scheduler
        self._stepper = stepper
        self._capacity = capacity
        self._threads = threads
        self._changed = threading.Condition()
        self._arrived: list[Request] = []
        self._cancelled: list[Request] = []
        self._ears: dict[Request, Ear] = {}
        self._closed = ""
        self._outbox = Outbox()
        self._thread = threading.Thread(target=self._run, name="generation", daemon=True)
        self._thread.start()
        # A thread that dies inside torch when the interpreter ends would abort the process.
        atexit.register(self._leave)

    @property
    def live(self) -> int:
        """Requests that run or wait."""
        with self._changed:
            return len(self._ears)

    def submit(self, request: Request, listener: Listener, loop: AbstractEventLoop) -> None:
        """Queue the request. Busy if there are too many, GenerationError after the end."""
        with self._changed:
            if self._closed:
                raise GenerationError(self._closed)
            if len(self._ears) >= self._capacity:
                raise Busy(f"{len(self._ears)} requests are running or waiting already")
            request.waiting = 1 + len(self._arrived) + len(self._scheduler.waiting)
            self._ears[request] = Ear(loop, listener)
            self._arrived.append(request)
            self._changed.notify()

    def cancel(self, request: Request) -> None:
        """End the request before the next step, unless it has ended by itself."""
        with self._changed:
            if request in self._ears:
                self._cancelled.append(request)
                self._changed.notify()

    async def close(self) -> None:
        """End everything that runs or waits with GenerationError, and the thread."""
        self._refuse("the generator was closed")
        await asyncio.to_thread(self._thread.join, CLOSING_PATIENCE)
        atexit.unregister(self._leave)
        if self._thread.is_alive():
            log.error("generation_thread_hangs", seconds=CLOSING_PATIENCE)
            self._end_all()

    def _leave(self) -> None:
        self._refuse("the program ends")
        self._thread.join(CLOSING_PATIENCE)

    def _run(self) -> None:
        torch.set_num_threads(self._threads or _default_threads())
        try:
            while self._receive():
                self._guarded(self._turn)
        finally:
            self._refuse("the generation thread has ended")
            self._end_all()

    def _receive(self) -> bool:
        """Wait for something to do; False when there will be nothing more."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._closed or self._arrived or self._cancelled or self._scheduler.busy
            )
            return not self._closed

    def _turn(self) -> None:
        """Take in what came, compute a step, wake the loops once."""
        with self._changed:
            arrived, self._arrived = self._arrived, []
            cancelled, self._cancelled = self._cancelled, []
        for request in arrived:
            request.context.run(log.debug, "generation_begins", prompt_tokens=len(request.prompt))
            self._scheduler.add(request)
        for request in cancelled:
            self._cancel(request)
        if self._scheduler.busy:
            for output in self._stepper.step():
                self._put(output)
        self._scheduler.number()
        self._post()

    def _guarded(self, turn: Callable[[], None]) -> None:
        """A turn's failure ends everybody's request, but not the worker."""
        try:
            turn()
        except DeviceLost as error:
            log.critical("generation_device_lost", error=str(error))
            self._refuse(str(error))
        except Exception as error:
            log.exception("generation_turn_failed")
            self._scheduler.clear()
            self._stepper.forget()
            self._end_all(f"the generation failed: {type(error).__name__}: {error}")

    def _cancel(self, request: Request) -> None:
        with self._changed:
            live = request in self._ears
        if live:
            self._scheduler.end(request)
            self._put(Output(request, (), FinishReason.CANCELLED))

    def _put(self, output: Output) -> None:
        with self._changed:
            ear = self._ears.get(output.request)
            if output.ending is not None:
                self._ears.pop(output.request, None)
        if output.ending is not None:
            _tell_ending(output)
        if ear is not None:
            self._outbox.put(ear, output.tokens, output.ending)

    def _post(self) -> None:
        """Wake the loops; requests whose listeners' loop is closed are cancelled."""
        if closed := self._outbox.send():
            with self._changed:
                self._cancelled += [r for r, ear in self._ears.items() if ear.loop in closed]

    def _end_all(self, reason: str = "") -> None:
        with self._changed:
            ears, self._ears = self._ears, {}
            self._arrived, self._cancelled = [], []
            reason = reason or self._closed
        for ear in ears.values():
            self._outbox.put(ear, (), GenerationError(reason))
        self._outbox.send()

    def _refuse(self, reason: str) -> None:
        with self._changed:
            self._closed = self._closed or reason
            self._changed.notify()


def _tell_ending(output: Output) -> None:
    request = output.request
    request.context.run(
        log.debug,
        "generation_ended",
        ending=str(output.ending),
        tokens=request.generated,
        reused_tokens=request.reused,
    )


def _default_threads() -> int:
    """All processors but one for the event loop, where there are enough to spare one."""
    if (named := os.environ.get("OMP_NUM_THREADS", "")).isdigit():
        return max(1, int(named))
    usable = processors()
    return usable - 1 if usable >= 4 else usable
