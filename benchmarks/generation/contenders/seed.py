"""The seed's way: a transformers text-generation pipeline, one request after the other."""

from __future__ import annotations

import time
from typing import Any

from transformers import PreTrainedModel, PreTrainedTokenizerFast, pipeline
from transformers.generation.streamers import BaseStreamer

from benchmarks.generation.contenders.models import open_model, weight_bytes
from benchmarks.generation.contenders.setting import Setting
from benchmarks.generation.loads import Ask, Load, Served, Trace


class Clock(BaseStreamer):
    """Notes when each token of an answer is there; the prompt comes first and is left out."""

    def __init__(self, trace: Trace, began: float) -> None:
        self._trace = trace
        self._began = began
        self._prompt = True

    def put(self, value: Any) -> None:
        if not self._prompt:
            self._trace.times.append(time.perf_counter() - self._began)
            self._trace.tokens += value.reshape(-1).tolist()
        self._prompt = False

    def end(self) -> None:
        """Nothing is held back."""


class Pipeline:
    def __init__(self, model: PreTrainedModel, setting: Setting) -> None:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(setting.path, local_files_only=True)
        self._model = model
        self._pipe: Any = pipeline("text-generation", model=model, tokenizer=tokenizer)

    def serve(self, load: Load) -> Served:
        began = time.perf_counter()
        return Served([self._answer(ask, began) for ask in load.asks])

    def bytes(self) -> int:
        return weight_bytes(self._model)

    def _answer(self, ask: Ask, began: float) -> Trace:
        time.sleep(max(0.0, began + ask.at - time.perf_counter()))
        trace = Trace(ask.at)
        self._pipe(
            " ".join(map(str, ask.prompt)),
            max_new_tokens=ask.new,
            do_sample=False,
            pad_token_id=0,
            add_special_tokens=False,
            return_tensors=True,
            streamer=Clock(trace, began),
        )
        return trace


def open_contender(setting: Setting) -> Pipeline:
    return Pipeline(open_model(setting), setting)
