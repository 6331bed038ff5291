"""The model in this process as the rest of the house knows it: prompts in, streams of text out."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.errors import GenerationError, Refused
from bot.generation.loading import LoadedModel
from bot.generation.prefixes import Slots
from bot.generation.request import Request, check_request
from bot.generation.runner import Runner
from bot.generation.scheduler import Ending, Scheduler
from bot.generation.sizing import make_memory
from bot.generation.stepper import Stepper
from bot.generation.worker import Worker
from bot.text.stream import TextStream
from bot.values import Finish, FinishReason, Place, Prompt, Sampling

PREFILL_BUDGET = {"cpu": 256, "cuda": 2048}
"""Tokens of a step: enough for full speed, few enough that running answers do not stall."""


class Decoder(Protocol):
    """What of a tokenizer is needed to turn ids into text."""

    @property
    def eos_ids(self) -> frozenset[int]: ...

    @property
    def control_ids(self) -> frozenset[int]: ...

    @property
    def vocab_size(self) -> int: ...

    def decode(self, ids: Sequence[int]) -> str: ...


@dataclass(frozen=True, slots=True)
class Stats:
    """A snapshot: how busy the generator is, and what it has done since it started."""

    running: int
    waiting: int
    slots: int
    held_tokens: int
    allocated_tokens: int
    steps: int
    generated_tokens: int
    prompt_tokens: int
    reused_tokens: int
    failures: int


class LocalAnswer:
    """One answer being written by the worker; see `bot.ports.Answer`. One event loop only."""

    def __init__(self, request: Request, stream: TextStream, worker: Worker) -> None:
        self.finish: Finish | None = None
        self._request = request
        self._stream = stream
        self._worker = worker
        self._tokens: list[int] = []
        self._read = 0
        self._ending: Ending | None = None
        self._arrived = asyncio.Event()

    @property
    def waiting(self) -> int:
        """The place in the queue; 0 once the model works on this answer."""
        return self._request.waiting

    @property
    def wait(self) -> float | None:
        """Seconds until the model begins, estimated; None if unknown."""
        return None

    def arrive(self, tokens: Sequence[int], ending: Ending | None) -> None:
        """The worker's news. What comes after an ending is not heard any more."""
        if self._ending is None:
            self._tokens += tokens
            self._ending = ending
            self._arrived.set()

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        while self.finish is None:
            await self._arrived.wait()
            if text := self._text():
                return text
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Give up the answer and free its place in the batch. May be called at any time."""
        if self.finish is None and not isinstance(self._ending, GenerationError):
            self._worker.cancel(self._request)
            self._finish(FinishReason.CANCELLED)

    def _text(self) -> str:
        """What of the answer has become certain since the last call."""
        if self.finish is not None:
            return ""
        new, self._read = self._tokens[self._read :], len(self._tokens)
        text = self._stream.push(new) if new else ""
        if self._stream.stopped:
            self._worker.cancel(self._request)
            self._ending = FinishReason.STOP
        if isinstance(self._ending, GenerationError):
            raise self._ending
        if self._ending is None:
            self._arrived.clear()
            return text
        text += self._stream.finish()
        self._finish(self._ending)
        return text

    def _finish(self, reason: FinishReason) -> None:
        self._ending = reason
        self._arrived.set()
        self.finish = Finish(
            reason=reason,
            tokens=len(self._tokens),
            prompt_tokens=len(self._request.prompt),
            reused=self._request.reused,
            seed=self._request.seed,
        )


class LocalGenerator:
    """Generates with a loaded model, many answers at once; see `bot.ports.Generator`.

    Up to `max_batch` answers run together, fewer where memory is short; `queue` more may wait.
    `prefill_budget` bounds the tokens of a step. The model is this object's own from then on.
    Building it reads the machine's files, so do that off the event loop.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        tokenizer: Decoder,
        *,
        max_batch: int = 8,
        queue: int = 64,
        prefill_budget: int | None = None,
        threads: int | None = None,
    ) -> None:
        self._tokenizer = tokenizer
        self._stop_ids = loaded.eos_ids | tokenizer.eos_ids
        self._vocab_size = min(loaded.vocab_size, tokenizer.vocab_size)
        self._size, memory = make_memory(loaded, max_batch=max_batch)
        self._memory = memory
        self._scheduler = Scheduler(
            Slots(self._size.slots),
            max_running=self._size.running,
            prefill_budget=prefill_budget or PREFILL_BUDGET.get(loaded.device.type, 512),
        )
        runner = Runner(loaded, memory, vocab_size=self._vocab_size)
        self._stepper = Stepper(self._scheduler, runner)
        self._worker = Worker(
            self._scheduler, self._stepper, capacity=self._size.running + queue, threads=threads
        )

    @property
    def context(self) -> int:
        """Tokens that prompt and answer may have together."""
        return self._size.context

    def generate(
        self, prompt: Prompt, sampling: Sampling, place: Place, *, adapter: str = ""
    ) -> LocalAnswer:
        """Queue the prompt; call in the event loop that will read the answer.

        Raises Busy if the queue is full, TooLong and Refused if the request is not sound.
        """
        if adapter:
            raise Refused(f"the model has no adapter {adapter!r}")
        checked = check_request(
            prompt.ids, sampling, vocab_size=self._vocab_size, context=self.context
        )
        request = Request(
            prompt=tuple(prompt.ids),
            sampling=checked,
            place=place.id,
            stop_ids=self._stop_ids,
            seed=secrets.randbits(32) if sampling.seed is None else sampling.seed,
        )
        stream = TextStream(self._tokenizer.decode, prompt.stops)
        answer = LocalAnswer(request, stream, self._worker)
        self._worker.submit(request, answer, asyncio.get_running_loop())
        return answer

    def stats(self) -> Stats:
        """How it goes."""
        counters, running = self._stepper.counters, len(self._scheduler.running)
        return Stats(
            running=running,
            waiting=max(0, self._worker.live - running),
            slots=self._size.slots,
            held_tokens=self._scheduler.slots.held,
            allocated_tokens=self._memory.capacity,
            steps=counters.steps,
            generated_tokens=counters.generated_tokens,
            prompt_tokens=counters.prompt_tokens,
            reused_tokens=counters.reused_tokens,
            failures=counters.failures,
        )

    async def close(self) -> None:
        """Stop the worker; running answers raise GenerationError."""
        await self._worker.close()
