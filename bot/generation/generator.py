"""The model in this process as the rest of the house knows it: prompts in, streams of text out."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from bot.errors import GenerationError, Refused
from bot.generation.graphs.choosing import choose_recorder
from bot.generation.memory.sizing import make_memory
from bot.generation.pace import Pace
from bot.generation.prefixes import Slots
from bot.generation.request import Request, check_request
from bot.generation.runner import Adapters, Runner
from bot.generation.scheduler import Ending, Scheduler
from bot.generation.stepper import Stepper
from bot.generation.supervisor import Patience
from bot.generation.weights.giving_back import keep
from bot.generation.weights.loading import LoadedModel
from bot.generation.weights.machine import device_memory
from bot.generation.worker import Worker
from bot.operation.figures import DeviceMemory
from bot.text.repetition import Circles
from bot.text.stream import TextStream
from bot.values import Finish, FinishReason, Place, Prompt, Sampling

CONTEXT = 8
"""Tokens of an answer so far that are decoded with the first of what follows it."""

PREFILL_BUDGET = {"cpu": 256, "cuda": 2048}
"""Tokens of a step: enough for full speed."""


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
    """A snapshot: how busy the generator is, and what it has done since it started.

    Of the `slots`, `retained` hold a conversation that nobody is answering just now. The slots
    hold `held_tokens`, take `taken_tokens` for them, and may take `room_tokens` more.
    `step_seconds` is the usual time between two tokens of an answer; None before the first.
    `idle_seconds` have passed since a step went well, None before the first; of a generator that is
    not `lost` that is no fault while nothing runs or waits. The worker's thread died and was
    followed by another `restarts` times; memory was short in `shortages` steps.
    """

    running: int
    waiting: int
    slots: int
    retained: int
    held_tokens: int
    taken_tokens: int
    room_tokens: int
    bytes_used: int
    bytes_budgeted: int
    steps: int
    step_seconds: float | None
    generated_tokens: int
    prompt_tokens: int
    reused_tokens: int
    preempted: int
    evicted: int
    failures: int
    idle_seconds: float | None
    restarts: int
    shortages: int
    lost: bool


class LocalAnswer:
    """One answer being written by the worker; see `bot.ports.Answer`. One event loop only."""

    def __init__(
        self, request: Request, stream: TextStream, circles: Circles, worker: Worker
    ) -> None:
        self.finish: Finish | None = None
        self._request = request
        self._stream = stream
        self._circles = circles
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
        """Seconds until the model begins, estimated from measured speed; None if unknown."""
        return self._request.wait

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
        elif self._circles.push(text, len(new)):
            self._worker.cancel(self._request)
            self._finish(FinishReason.REPEATED)
            return text
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
            surplus=self._circles.surplus,
        )


class LocalGenerator:
    """Generates with a loaded model, many answers at once; see `bot.ports.Generator`.

    Up to `max_batch` answers run together, fewer where memory is short; `queue` more may wait.
    `prefill_budget` bounds the tokens of a step, and `stall` the seconds of one in which answers
    are running. Keys and values take what the machine has left, at most `memory` bytes.
    `attention` names the kernels on a GPU (auto, flash or gathered), and `graphs` says whether
    decoding is recorded and replayed, for None on CUDA only. `patience` says how often a worker
    that dies is started again, and how long one step may take; `repeats` is the limit of `Circles`
    for each answer.
    The model is this object's own from then on.
    Building it reads the machine's files and on CUDA records steps: do that off the event loop.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        tokenizer: Decoder,
        *,
        max_batch: int = 8,
        queue: int = 64,
        prefill_budget: int | None = None,
        stall: float = 0.5,
        threads: int | None = None,
        memory: int | None = None,
        paged: bool | None = None,
        attention: str = "auto",
        graphs: bool | None = None,
        adapters: Adapters | None = None,
        patience: Patience | None = None,
        repeats: int = 0,
    ) -> None:
        self._tokenizer = tokenizer
        self._devices = tuple(dict.fromkeys(loaded.layer_devices))
        self._repeats = repeats
        self._adapters = () if adapters is None else adapters.names
        self._stop_ids = loaded.eos_ids | tokenizer.eos_ids
        self._vocab_size = min(loaded.vocab_size, tokenizer.vocab_size)
        self._size, self._memory = make_memory(
            loaded, max_batch=max_batch, most_bytes=memory, paged=paged, attention=attention
        )
        most = prefill_budget or PREFILL_BUDGET.get(loaded.device.type, 512)
        self._scheduler = Scheduler(
            Slots(self._size.slots),
            self._memory,
            Pace(stall=stall, most=most),
            max_running=self._size.running,
            context=self._size.context,
        )
        runner = Runner(
            loaded,
            self._memory,
            vocab_size=self._vocab_size,
            adapters=adapters,
            barred=tokenizer.control_ids - self._stop_ids,
            recorder=choose_recorder(loaded, wanted=graphs),
            most=self._size.running,
        )
        if loaded.device.type == "cuda":
            runner.warm_up()
        else:
            keep()
        self._stepper = Stepper(self._scheduler, runner)
        self._worker = Worker(
            self._scheduler,
            self._stepper,
            capacity=self._size.running + queue,
            threads=threads,
            patience=patience,
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
        self._check_adapter(adapter)
        checked = check_request(
            prompt.ids,
            sampling,
            vocab_size=self._vocab_size,
            context=self.context,
            control_ids=self._tokenizer.control_ids,
        )
        request = Request(
            prompt=tuple(prompt.ids),
            sampling=checked,
            place=place.id,
            stop_ids=self._stop_ids,
            seed=secrets.randbits(32) if sampling.seed is None else sampling.seed,
            adapter=adapter,
        )
        before = prompt.ids[-CONTEXT:] if prompt.begun else ()
        stream = TextStream(self._tokenizer.decode, (*prompt.stops, *checked.stop), before)
        answer = LocalAnswer(request, stream, Circles(self._repeats), self._worker)
        self._worker.submit(request, answer, asyncio.get_running_loop())
        return answer

    def stats(self) -> Stats:
        """How it goes."""
        counters, running = self._stepper.counters, len(self._scheduler.running)
        slots, memory = self._scheduler.slots, self._memory
        return Stats(
            running=running,
            waiting=max(0, self._worker.live - running),
            slots=len(slots),
            retained=slots.retained,
            held_tokens=slots.held,
            taken_tokens=memory.budget - memory.room,
            room_tokens=memory.room,
            bytes_used=memory.bytes_used,
            bytes_budgeted=memory.bytes_budgeted,
            steps=counters.steps,
            step_seconds=self._scheduler.pace.step.value,
            generated_tokens=counters.generated_tokens,
            prompt_tokens=counters.prompt_tokens,
            reused_tokens=counters.reused_tokens,
            preempted=self._scheduler.preempted,
            evicted=slots.evicted,
            failures=counters.failures,
            idle_seconds=self._stepper.idle,
            restarts=self._worker.restarts,
            shortages=counters.shortages,
            lost=self._worker.lost,
        )

    def device_memory(self) -> tuple[DeviceMemory, ...]:
        """Of every device that the model computes on."""
        return tuple(map(device_memory, self._devices))

    def _check_adapter(self, adapter: str) -> None:
        if adapter and adapter not in self._adapters:
            known = ", ".join(self._adapters) or "none"
            raise Refused(f"the model has no adapter {adapter!r}; it has {known}")

    async def close(self) -> None:
        """Stop the worker; running answers raise GenerationError."""
        await self._worker.close()
