"""One step after another, and what to do when one fails: the damage stays with who caused it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
import torch

from bot.errors import GenerationError
from bot.generation.request import Request
from bot.generation.runner import Runner
from bot.generation.scheduler import Output, Scheduler, Work

log = structlog.get_logger(__name__)


class DeviceLost(GenerationError):
    """The device computes nothing any more; only a new process will help."""


@dataclass(slots=True)
class Counters:
    """What has been done since the start."""

    steps: int = 0
    generated_tokens: int = 0
    prompt_tokens: int = 0
    reused_tokens: int = 0
    failures: int = 0


class Stepper:
    """Puts the scheduler's plans through the runner, and measures how long that takes."""

    def __init__(
        self,
        scheduler: Scheduler,
        runner: Runner,
        *,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.counters = Counters()
        self._scheduler = scheduler
        self._runner = runner
        self._clock = clock
        self._shortages = 0  # one after the other, with no step between that went well

    def step(self) -> list[Output]:
        """Plan and compute one step. Raises DeviceLost, and nothing else that a model can raise.

        An empty list may mean that memory was dropped and the step is to be tried again.
        """
        work: tuple[Work, ...] = ()
        try:
            work = self._scheduler.plan()
            begun = self._clock()
            tokens = self._runner.run(work)
            self._note(work, self._clock() - begun)
            return self._take(work, tokens)
        except Exception as error:  # noqa: BLE001 -- logged and dealt with
            return self._recover(work, error)

    def forget(self, *, shrink: bool = False) -> None:
        """Drop all keys and values; running requests are computed again."""
        self._scheduler.forget(shrink=shrink)
        self._runner.release_memory()

    def _recover(self, work: Sequence[Work], error: Exception) -> list[Output]:
        log.warning("generation_step_failed", requests=len(work), exc_info=error)
        if not self._runner.usable():
            raise DeviceLost(f"the device has failed, restart the process: {error}") from error
        if _is_out_of_memory(error):
            return self._make_room(error)
        if not work:
            raise error  # no model is to blame
        return [output for one in work for output in self._alone(one)]

    def _alone(self, work: Work) -> list[Output]:
        """Repeat one request's share of a failed step, to see whether it was the cause."""
        try:
            return self._take([work], self._runner.run([work]))
        except Exception as error:  # noqa: BLE001 -- becomes the request's ending
            return [self._fail(work.request, error)]

    def _make_room(self, error: Exception) -> list[Output]:
        """Drop all keys and values; if that has not helped, the youngest answer must wait."""
        self._shortages += 1
        failed = []
        if not self._scheduler.slots.retained:
            if len(self._scheduler.running) > 1:
                self._scheduler.put_back_youngest()
            elif self._shortages > 1:
                failed = [self._fail(request, error) for request in [*self._scheduler.running]]
        self.forget(shrink=True)
        return failed

    def _note(self, work: Sequence[Work], seconds: float) -> None:
        decoding = sum(one.count == 1 for one in work)
        tokens = sum(one.count for one in work)
        self._scheduler.pace.note_step(decoding, tokens - decoding, seconds)

    def _take(self, work: Sequence[Work], tokens: Sequence[int | None]) -> list[Output]:
        first = [w.request for w in work if w.samples and not w.request.generated]
        outputs = self._scheduler.advance(work, tokens)
        self._shortages = 0
        self.counters.steps += 1
        self.counters.prompt_tokens += sum(len(request.prompt) for request in first)
        self.counters.reused_tokens += sum(request.reused for request in first)
        self.counters.generated_tokens += sum(len(output.tokens) for output in outputs)
        broken = sum(isinstance(output.ending, GenerationError) for output in outputs)
        if broken:
            self.counters.failures += broken
            self.forget()  # numbers that are not finite would spread to whoever uses the slot next
        return outputs

    def _fail(self, request: Request, error: Exception) -> Output:
        self.counters.failures += 1
        request.context.run(log.warning, "generation_request_failed", error=repr(error))
        request.computed = 0  # nobody may go on from what it left
        self._scheduler.end(request)
        failure = GenerationError(f"the model failed: {type(error).__name__}: {error}")
        failure.__cause__ = error
        return Output(request, (), failure)


def _is_out_of_memory(error: Exception) -> bool:
    # The CPU's allocator raises a plain RuntimeError.
    return isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)
