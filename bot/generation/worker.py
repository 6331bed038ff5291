"""The one thread that owns the model: requests come in, their tokens go out to event loops."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from asyncio import AbstractEventLoop
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy

import structlog
import torch

from bot.errors import Busy, GenerationError, GeneratorLost
from bot.generation.outbox import Ear, Listener, Outbox
from bot.generation.request import Request
from bot.generation.scheduler import Output, Scheduler
from bot.generation.stepper import Stepper
from bot.generation.supervisor import Death, Patience, Supervisor
from bot.generation.weights.machine import processors
from bot.values import FinishReason

log = structlog.get_logger(__name__)

CLOSING_PATIENCE = 10.0
"""Seconds that `close` waits for the step in progress."""

MOST_FAULTS = 2
"""Times that the thread may die while one request alone is in it, before that one is ended."""


class Worker:
    """Runs requests on a daemon thread. Every public method may be called from any thread.

    Every request that was accepted gets exactly one ending, whatever happens. If the thread dies,
    its successor goes on with every request from where its listener last heard of it; one that
    alone kills the thread is ended.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        stepper: Stepper,
        *,
        capacity: int,
        threads: int | None = None,
        patience: Patience | None = None,
    ) -> None:
        self.turns = 0
        self.turning = False
        self._scheduler = scheduler
        self._stepper = stepper
        self._capacity = capacity
        self._threads = threads
        self._changed = threading.Condition()
        self._arrived: list[Request] = []
        self._cancelled: list[Request] = []
        self._ears: dict[Request, Ear] = {}
        self._closed: GenerationError | None = None
        self._outbox = Outbox()
        self._supervisor = Supervisor(self, patience or Patience())
        self._supervisor.start()
        # A thread that dies inside torch when the interpreter ends would abort the process.
        atexit.register(self._leave)

    @property
    def live(self) -> int:
        """Requests that run or wait."""
        with self._changed:
            return len(self._ears)

    @property
    def restarts(self) -> int:
        """How often the thread has died and been followed by another."""
        return self._supervisor.restarts

    @property
    def lost(self) -> bool:
        """Whether nothing will ever be generated here again."""
        return isinstance(self._closed, GeneratorLost)

    def submit(self, request: Request, listener: Listener, loop: AbstractEventLoop) -> None:
        """Queue the request. Busy if there are too many, GenerationError after the end."""
        with self._changed:
            if self._closed:
                raise copy(self._closed)
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
        self._refuse(GenerationError("the generator was closed"))
        await asyncio.to_thread(self._supervisor.join, CLOSING_PATIENCE)
        atexit.unregister(self._leave)
        if self._supervisor.alive:
            log.error("generation_thread_hangs", seconds=CLOSING_PATIENCE)
            self._end_all()

    def work(self, before: Death | None) -> None:
        """The thread's life: until the end, or until it dies as its predecessor did `before`."""
        torch.set_num_threads(self._threads or _default_threads())
        if before is not None:
            with self._counted():
                self._begin_again(before)
        while self._receive():
            with self._counted():
                self._turn()

    def give_up(self, fault: BaseException) -> None:
        """The thread dies again and again: end what there is; who comes later may have luck."""
        self._post()
        self._end_all(GenerationError(f"the generation failed: {type(fault).__name__}: {fault}"))

    def lose(self, error: GeneratorLost) -> None:
        """There is no going on."""
        self._refuse(error)
        self._end_all()

    def ended(self) -> None:
        """The last thread is gone."""
        self._refuse(GenerationError("the generation thread has ended"))
        self._end_all()

    def _leave(self) -> None:
        self._refuse(GenerationError("the program ends"))
        self._supervisor.join(CLOSING_PATIENCE)

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

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self.turns += 1
        self.turning = True
        yield
        self.turning = False

    def _begin_again(self, before: Death) -> None:
        """The last thread died, and nothing of its state is trusted but what people have heard.

        When that happens twice in a row, requests run one by one until the cause is found.
        """
        self._stepper.look_at_device(before.fault)
        self._post()
        try:
            suspects = self._suspects()
        finally:
            self._scheduler.clear()
        self._stepper.begin_again()
        with self._changed:
            self._arrived = []
            live = sorted(self._ears, key=lambda request: request not in suspects)
        for request in live:
            request.rewind()
            self._scheduler.add(request)
        if before.count > 1:
            self._scheduler.one_by_one()
        if len(suspects) == 1:
            self._blame(suspects[0], before.fault)

    def _suspects(self) -> list[Request]:
        """Who was being worked on."""
        waiting = self._scheduler.waiting.next
        running = self._scheduler.running
        suspects = [*running] if running or waiting is None else [waiting]
        with self._changed:
            return [request for request in suspects if request in self._ears]

    def _blame(self, request: Request, fault: BaseException) -> None:
        request.faults += 1
        if request.faults < MOST_FAULTS:
            return
        self._scheduler.end(request)
        words = f"the generation failed over it: {type(fault).__name__}: {fault}"
        self._put(Output(request, (), GenerationError(words)))
        self._post()

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
            output.request.told += len(output.tokens)
            self._outbox.put(ear, output.tokens, output.ending)

    def _post(self) -> None:
        """Wake the loops; requests whose listeners' loop is closed are cancelled."""
        if closed := self._outbox.send():
            with self._changed:
                self._cancelled += [r for r, ear in self._ears.items() if ear.loop in closed]

    def _end_all(self, reason: GenerationError | None = None) -> None:
        with self._changed:
            ears, self._ears = self._ears, {}
            self._arrived, self._cancelled = [], []
            reason = reason or self._closed
        outbox = Outbox()  # the worker's own is not this thread's
        for ear in ears.values():
            outbox.put(ear, (), copy(reason))
        outbox.send()

    def _refuse(self, reason: GenerationError) -> None:
        with self._changed:
            self._closed = self._closed or reason
            self._changed.notify()
        self._supervisor.end()


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
