"""Everything that is there goes through `generate` as one padded batch."""

from __future__ import annotations

import time
from typing import Any

import torch
from transformers import PreTrainedModel, StoppingCriteria, StoppingCriteriaList

from benchmarks.generation.contenders.models import open_model, weight_bytes
from benchmarks.generation.contenders.setting import Setting
from benchmarks.generation.loads import Load, Served, Trace


class Clock(StoppingCriteria):
    """Stops nothing, notes when a step is done."""

    def __init__(self, began: float) -> None:
        self.times: list[float] = []
        self._began = began

    def __call__(self, input_ids: Any, scores: Any, **kwargs: Any) -> Any:
        del scores, kwargs
        if input_ids.is_cuda:
            torch.cuda.synchronize()
        self.times.append(time.perf_counter() - self._began)
        return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)


class Padded:
    def __init__(self, model: PreTrainedModel) -> None:
        self._model: Any = model

    def serve(self, load: Load) -> Served:
        clock = Clock(time.perf_counter())
        width, new = max(len(a.prompt) for a in load.asks), max(a.new for a in load.asks)
        left = [width - len(ask.prompt) for ask in load.asks]
        ids = [[0] * gap + list(ask.prompt) for gap, ask in zip(left, load.asks, strict=True)]
        mask = [[0] * gap + [1] * (width - gap) for gap in left]
        device = self._model.device
        out = self._model.generate(
            torch.tensor(ids, device=device),
            attention_mask=torch.tensor(mask, device=device),
            max_new_tokens=new,
            do_sample=False,
            pad_token_id=0,
            stopping_criteria=StoppingCriteriaList([clock]),
        )
        rows = [row[width:].tolist() for row in out]
        return Served([Trace(a.at, clock.times, r) for a, r in zip(load.asks, rows, strict=True)])

    def bytes(self) -> int:
        return weight_bytes(self._model)


def open_contender(setting: Setting) -> Padded:
    return Padded(open_model(setting))
