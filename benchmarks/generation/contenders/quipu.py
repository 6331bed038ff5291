"""Quipu's own worker, through the same port and on an event loop as in the product."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog
import torch

from benchmarks.generation.contenders.arrivals import Mark, serve
from benchmarks.generation.contenders.models import made_on_device, weight_bytes
from benchmarks.generation.contenders.setting import Setting
from benchmarks.generation.loads import VOCABULARY, Load, Room, Served
from benchmarks.generation.shapes import CONTEXT, SHAPES
from bot.engines.aside import aside
from bot.generation.generator import LocalGenerator
from bot.generation.weights.loading import LoadedModel, load
from bot.generation.weights.machine import processors
from bot.generation.weights.quantisation import Int8Linear
from bot.values import Place, Prompt, Sampling

FIRST = 0x10000
MOST_AT_ONCE = 32


class Spelling:
    """A tokenizer whose tokens are single characters: a text is read back as its ids."""

    eos_ids: frozenset[int] = frozenset()
    control_ids: frozenset[int] = frozenset()
    vocab_size = VOCABULARY

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(chr(FIRST + token) for token in ids)


class Quipu:
    def __init__(self, loaded: LoadedModel, threads: int) -> None:
        self._loaded = loaded
        self._loop = asyncio.new_event_loop()
        self._room: Room | None = None
        self._generator = LocalGenerator(
            loaded,
            Spelling(),
            max_batch=MOST_AT_ONCE,
            queue=2 * MOST_AT_ONCE,
            # How many it takes unless it is told belongs to what is measured.
            threads=None if threads == processors() else threads,
        )

    def serve(self, load: Load) -> Served:
        if load.room != self._room:
            self._room = load.room
            # Nobody is being served, so the thread that owns it waits. What is recorded stays.
            self._generator._stepper.forget()

        async def answer(number: int, mark: Mark) -> None:
            ask = load.asks[number]
            answer = self._generator.generate(
                Prompt(ask.prompt, "", None, 1, 0),
                Sampling(max_new_tokens=ask.new, temperature=0.0),
                Place("benchmark", "1", str(number)),
            )
            async for delta in answer:
                mark([ord(character) - FIRST for character in delta])

        return self._loop.run_until_complete(serve(load, answer))

    def bytes(self) -> int:
        packed = (m for m in self._loaded.model.modules() if isinstance(m, Int8Linear))
        # What fbgemm packs is no tensor that could be counted: a byte for each weight.
        own = sum(linear.in_features * linear.out_features for linear in packed)
        return weight_bytes(self._loaded.model) + own


def open_contender(setting: Setting) -> Quipu:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    if SHAPES[setting.shape].large:
        return Quipu(_large(setting), setting.threads)
    precision: dict[str, Any] = {}
    if setting.quantisation != "none":
        precision["quantisation"] = setting.quantisation

    async def aside_as_in_the_product() -> LoadedModel:
        """A thread that has computed keeps its helpers, which then are in the way of others'."""
        given = {"device": setting.device, "dtype": setting.dtype, **precision}
        return await aside(partial(load, setting.path, **given))

    return Quipu(asyncio.run(aside_as_in_the_product()), setting.threads)


def _large(setting: Setting) -> LoadedModel:
    device = torch.device(setting.device, 0) if setting.device == "cuda" else torch.device("cpu")
    return LoadedModel(
        model=made_on_device(setting),
        path=setting.path,
        device=device,
        dtype=getattr(torch, setting.dtype),
        context=CONTEXT,
        eos_ids=frozenset(),
        vocab_size=VOCABULARY,
        layer_devices=(device,) * SHAPES[setting.shape].layers,
        precision=setting.dtype,
    )
