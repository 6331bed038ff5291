"""One step after another, and what to do when one fails: the damage stays with who caused it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from bot.errors import GenerationError, GeneratorLost
from bot.generation.request import Request
from bot.generation.runner import Runner
from bot.generation.scheduler import Output, Scheduler, Work
from bot.generation.shortage import is_out_of_memory

log = structlog.get_logger(__name__)


LEAST_SHARE = 16
"""Prompt tokens of a step that are tried before an answer is said not to fit into memory."""


@dataclass(slots=True)
class Counters:
    """What has been done since the start."""

    steps: int = 0
    generated_tokens: int = 0
    prompt_tokens: int = 0
    reused_tokens: int = 0
    failures: int = 0
    shortages: int = 0


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
        self._stepped: float | None = None
        self._drops = 0

    @property
    def idle(self) -> float | None:
        """Seconds since a step went well; None before the first. May be asked from any thread."""
        stepped = self._stepped
        return None if stepped is None else self._clock() - stepped

    def step(self) -> list[Output]:
        """Plan and compute one step. Raises GeneratorLost, and nothing else that a model can raise.

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
        """Drop all keys and values; running requests are computed again.

        To `shrink` gives the memory back too, and with it goes what was recorded.
        """
        self._drops += 1
        self._scheduler.forget(shrink=shrink)
        if shrink:
            self._runner.release_memory()

    def begin_again(self) -> None:
        """Drop whatever was computed or recorded."""
        self.forget()
        self._runner.release_memory()

    def _recover(self, work: Sequence[Work], error: Exception) -> list[Output]:
        log.warning("generation_step_failed", requests=len(work), exc_info=error)
        self.look_at_device(error)
        for one in work:
            one.request.reroll()
        if is_out_of_memory(error):
            return self._make_room(work, error)
        if not work:
            raise error  # no model is to blame
        return self._one_by_one(work)

    def _one_by_one(self, work: Sequence[Work]) -> list[Output]:
        """Repeat a failed step in its parts, to see who was the cause."""
        outputs: list[Output] = []
        drops = self._drops
        for one in work:
            outputs += self._alone(one)
            if self._drops > drops:
                break  # what the others had computed is gone: they are planned anew
        return outputs

    def _alone(self, work: Work) -> list[Output]:
        try:
            return self._take([work], self._runner.run([work]))
        except Exception as error:  # noqa: BLE001 -- becomes the request's ending
            self.look_at_device(error)
            work.request.reroll()
            if is_out_of_memory(error):
                return self._make_room([work], error)
            return [self._fail(work.request, f"the model failed: {_told(error)}", error)]

    def look_at_device(self, error: BaseException) -> None:
        """Raise GeneratorLost if the device computes nothing any more, after this error."""
        if not self._runner.usable():
            words = f"the device has failed, restart the process: {error}"
            raise GeneratorLost(words) from error

    def _make_room(self, work: Sequence[Work], error: Exception) -> list[Output]:
        """Drop all keys and values. If that has not helped, the youngest answer must wait.

        One that is alone is tried again with less and less of it in a step, and then refused.
        """
        self.counters.shortages += 1
        failed = []
        scheduler = self._scheduler
        if not scheduler.slots.retained:
            share = scheduler.share or sum(one.count for one in work)
            if len(scheduler.running) > 1:
                scheduler.put_back_youngest()
            elif scheduler.share is None or share > LEAST_SHARE:
                scheduler.share = max(LEAST_SHARE, share // 4)
            else:
                failed = [self._refuse(request, error) for request in [*scheduler.running]]
                if not failed:
                    raise error  # no answer is to blame
        self.forget(shrink=True)
        return failed

    def _refuse(self, request: Request, error: Exception) -> Output:
        length = len(request.tokens)
        words = f"out of memory over {length} tokens of one answer alone: {_told(error)}"
        return self._fail(request, words, error, key="conversation.out_of_memory")

    def _note(self, work: Sequence[Work], seconds: float) -> None:
        decoding = sum(one.count == 1 for one in work)
        tokens = sum(one.count for one in work)
        self._scheduler.pace.note_step(decoding, tokens - decoding, seconds)

    def _take(self, work: Sequence[Work], tokens: Sequence[int | None]) -> list[Output]:
        first = [w.request for w in work if w.samples and not w.request.generated]
        outputs = self._scheduler.advance(work, tokens)
        self._stepped = self._clock()
        self.counters.steps += 1
        self.counters.prompt_tokens += sum(len(request.prompt) for request in first)
        self.counters.reused_tokens += sum(request.reused for request in first)
        self.counters.generated_tokens += sum(len(output.tokens) for output in outputs)
        broken = sum(isinstance(output.ending, GenerationError) for output in outputs)
        if broken:
            self.counters.failures += broken
            self.forget()  # numbers that are not finite would spread to whoever uses the slot next
        return outputs

    def _fail(self, request: Request, words: str, error: Exception, *, key: str = "") -> Output:
        self.counters.failures += 1
        request.context.run(log.warning, "generation_request_failed", error=repr(error))
        request.computed = 0  # nobody may go on from what it left
        self._scheduler.end(request)
        failure = GenerationError(words, key=key)
        failure.__cause__ = error
        return Output(request, (), failure)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
