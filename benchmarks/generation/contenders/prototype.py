"""A prototype of the worker, from a file that is named on the command line: an `Engine`.

It must have `Engine(model, max_slots=, max_len=, budget=)` with `add(id, tokens, new)`, `busy()`
and `step()`, which gives (id, token, last) for every new token.
"""

from __future__ import annotations

import importlib.util
import time
from pathlib import Path
from typing import Any

from transformers import PreTrainedModel

from benchmarks.generation.contenders.models import open_model, weight_bytes
from benchmarks.generation.contenders.setting import Setting
from benchmarks.generation.loads import Load, Room, Served, Trace

BUDGET = 512
"""Tokens of a step that it was measured with; more are no faster."""


class Prototype:
    def __init__(self, model: PreTrainedModel, module: Any) -> None:
        self._model = model
        self._module = module
        self._engine: Any = None
        self._room: Room | None = None

    def serve(self, load: Load) -> Served:
        if load.room != self._room:
            self._room = load.room
            self._engine = self._module.Engine(
                self._model,
                max_slots=load.room.slots,
                max_len=load.room.length,
                budget=min(load.room.budget, BUDGET),
            )
        traces = [Trace(ask.at) for ask in load.asks]
        self._run(load, traces)
        return Served(traces)

    def _run(self, load: Load, traces: list[Trace]) -> None:
        began, waiting = time.perf_counter(), list(enumerate(load.asks))[::-1]
        while waiting or self._engine.busy():
            now = time.perf_counter() - began
            while waiting and waiting[-1][1].at <= now:
                number, ask = waiting.pop()
                self._engine.add(number, ask.prompt, ask.new)
            if not self._engine.busy():
                time.sleep(max(0.0, waiting[-1][1].at - now))
                continue
            for number, token, _ in self._engine.step():
                traces[number].times.append(time.perf_counter() - began)
                traces[number].tokens.append(token)

    def bytes(self) -> int:
        return weight_bytes(self._model)


def open_contender(setting: Setting) -> Prototype:
    path = Path(setting.prototype)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise FileNotFoundError(path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return Prototype(open_model(setting), module)
