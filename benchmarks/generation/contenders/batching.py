"""transformers' own ContinuousBatchingManager, with the settings that suit it best."""

from __future__ import annotations

import asyncio
import inspect
import itertools
import logging
import math
from typing import Any

from transformers import ContinuousBatchingConfig, GenerationConfig, PreTrainedModel

from benchmarks.generation.contenders.arrivals import Mark, serve
from benchmarks.generation.contenders.models import open_model, weight_bytes
from benchmarks.generation.contenders.setting import Setting
from benchmarks.generation.loads import Load, Room, Served

PAGE = 32
SPARE = 1.3
"""Its scheduler keeps a part of the pages free and drops all cached ones beyond that."""


class Batching:
    def __init__(self, model: PreTrainedModel) -> None:
        self._model: Any = model
        self._loop = asyncio.new_event_loop()
        self._manager: Any = None
        self._room: Room | None = None
        self._numbers = itertools.count()

    def serve(self, load: Load) -> Served:
        if load.room != self._room:
            self._enter(load.room)

        async def answer(number: int, mark: Mark) -> None:
            await self._answer(load, number, mark)

        return self._loop.run_until_complete(serve(load, answer))

    def bytes(self) -> int:
        return weight_bytes(self._model)

    def _enter(self, room: Room) -> None:
        if self._manager is not None:
            self._manager.stop(block=True, timeout=30)
        self._manager = self._model.init_continuous_batching(
            generation_config=GenerationConfig(
                do_sample=False, max_new_tokens=64, eos_token_id=None, pad_token_id=0
            ),
            continuous_batching_config=ContinuousBatchingConfig(**_settings(room)),
        )
        self._manager.start()
        self._room = room

    async def _answer(self, load: Load, number: int, mark: Mark) -> None:
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        name, ask, seen = f"r{next(self._numbers)}", load.asks[number], 0

        def heard(output: Any) -> None:
            nonlocal seen
            mark(output.generated_tokens[seen:])
            seen = len(output.generated_tokens)
            if output.error and not ended.done():
                ended.set_exception(RuntimeError(str(output.error)))
            elif output.is_finished() and not ended.done():
                ended.set_result(None)

        self._manager.register_result_handler(name, heard)
        self._manager.add_request(
            list(ask.prompt), request_id=name, max_new_tokens=ask.new, streaming=True
        )
        await ended


def _settings(room: Room) -> dict[str, Any]:
    # Newer versions call a block a page.
    names = inspect.signature(ContinuousBatchingConfig).parameters
    return {
        "page_size" if "page_size" in names else "block_size": PAGE,
        "num_blocks": math.ceil(room.slots * (room.length / PAGE + 1) * SPARE),
        "max_batch_tokens": max(room.budget, 4 * room.slots),
        "max_requests_per_batch": max(4, room.slots),
    }


def open_contender(setting: Setting) -> Batching:
    logging.getLogger("ContinuousBatchingLogger").setLevel(logging.ERROR)
    return Batching(open_model(setting))
