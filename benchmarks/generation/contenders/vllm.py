"""vLLM, if an interpreter that has it is named on the command line."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import os
from typing import Any

from benchmarks.generation.contenders.arrivals import Mark, serve
from benchmarks.generation.contenders.setting import Setting
from benchmarks.generation.loads import Load, Room, Served

LENGTH = 2048
MOST_AT_ONCE = 32
RESERVED = 3 * 2**30
"""Bytes for keys and values, which it takes at the start."""


class Vllm:
    def __init__(self, setting: Setting) -> None:
        os.environ |= {
            "HF_HUB_OFFLINE": "1",
            "VLLM_LOGGING_LEVEL": "ERROR",
            "VLLM_CPU_KVCACHE_SPACE": str(RESERVED // 2**30),
            "VLLM_NO_USAGE_STATS": "1",
            "VLLM_CPU_OMP_THREADS_BIND": f"0-{setting.threads - 1}",
        }
        self._vllm: Any = importlib.import_module("vllm")
        arguments = self._vllm.AsyncEngineArgs(
            model=setting.checkpoint,
            dtype=setting.dtype,
            skip_tokenizer_init=True,
            max_model_len=LENGTH,
            max_num_seqs=MOST_AT_ONCE,
            load_format="auto" if (setting.path / "model.safetensors").is_file() else "dummy",
        )
        self._loop = asyncio.new_event_loop()
        self._engine: Any = self._loop.run_until_complete(self._open(arguments))
        self._numbers = itertools.count()
        self._room: Room | None = None

    def serve(self, load: Load) -> Served:
        if load.room != self._room:
            self._room = load.room
            self._loop.run_until_complete(self._engine.reset_prefix_cache())

        async def answer(number: int, mark: Mark) -> None:
            ask = load.asks[number]
            sampling = self._vllm.SamplingParams(
                temperature=0.0, max_tokens=ask.new, ignore_eos=True, detokenize=False
            )
            prompt, seen = {"prompt_token_ids": list(ask.prompt)}, 0
            name = f"r{next(self._numbers)}"
            async for output in self._engine.generate(prompt, sampling, name):
                tokens = list(output.outputs[0].token_ids)
                mark(tokens[seen:])
                seen = len(tokens)

        return self._loop.run_until_complete(serve(load, answer))

    def bytes(self) -> int:
        return 0  # in a process of its own

    async def _open(self, arguments: Any) -> Any:
        return self._vllm.AsyncLLMEngine.from_engine_args(arguments)


def open_contender(setting: Setting) -> Vllm:
    return Vllm(setting)
