"""Carries one step through the model: tokens in, the next token of each request out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Protocol

import torch

from bot.errors import GeneratorLost
from bot.generation.attention import Packing, Span, attach
from bot.generation.graphs.decoding import DecodeGraphs
from bot.generation.graphs.fusing import fuse_norms
from bot.generation.graphs.recording import Recorder
from bot.generation.memory.key_value import KeyValueMemory
from bot.generation.memory.paged import PagedMemory
from bot.generation.sampling.bad_words import BadWords
from bot.generation.sampling.choosing import choose
from bot.generation.scheduler import Work
from bot.generation.shortage import is_out_of_memory
from bot.generation.transfer import selection, send
from bot.generation.weights.giving_back import empty_cache
from bot.generation.weights.loading import LoadedModel

Part = tuple[str, int, int]
"""An adapter's name, and the first and the last token (that one excluded) it is meant for."""


class Adapters(Protocol):
    """What a model can be adapted with, each token of a forward by its own."""

    @property
    def names(self) -> tuple[str, ...]: ...

    def select(self, parts: Sequence[Part]) -> None:
        """Say which tokens of the next forward's packed row are for which adapter."""


class Runner:
    """The model with its memory. One thread at a time.

    Ids in `barred` are never chosen. With a recorder, and memory in pages, steps that are nothing
    but one token for each of up to `most` answers are recorded and replayed; not so where the
    checkpoint has bad words of several tokens, for which each token must be seen before the next.
    """

    def __init__(
        self,
        loaded: LoadedModel,
        memory: KeyValueMemory,
        *,
        vocab_size: int,
        adapters: Adapters | None = None,
        barred: Iterable[int] = (),
        recorder: Recorder | None = None,
        most: int = 1,
    ) -> None:
        self._memory = memory
        self._model = loaded.model
        self._device = loaded.device
        self._layer_devices = loaded.layer_devices
        self._vocab_size = vocab_size
        self._adapters = adapters
        self._bad_words = BadWords(loaded.bad_words, vocab_size=vocab_size, eos_ids=loaded.eos_ids)
        never = self._bad_words.alone.union(barred)
        ids = sorted(token for token in never if token < vocab_size)
        self._barred = torch.tensor(ids, device=loaded.device) if ids else None
        attach(loaded.model)
        if loaded.device.type == "cuda":
            # For the whole process: cuDNN's attention, which torch prefers on an H100, plans each
            # new length of a prompt for 55 to 400 ms and keeps the plans for ever.
            torch.backends.cuda.enable_cudnn_sdp(False)
            fuse_norms(loaded.model)
        self._graphs: DecodeGraphs | None = None
        if self._bad_words:
            recorder = None
        if recorder is not None and isinstance(memory, PagedMemory):
            self._graphs = DecodeGraphs(
                loaded,
                memory,
                recorder,
                vocab_size=vocab_size,
                barred=self._barred,
                most=most,
            )

    def warm_up(self) -> None:
        """Record the usual steps, if any are; otherwise that is done when they are needed.

        GeneratorLost if the device has failed over it.
        """
        if self._graphs is not None:
            self._graphs.warm_up()
            if not self.usable():
                raise GeneratorLost("the device has failed over recording, restart the process")

    @torch.inference_mode()
    def run(self, work: Sequence[Work]) -> list[int | None]:
        """One forward for all the work; the chosen token of each, None where none was wanted.

        May be repeated with the same work: what it stores has its fixed place.
        """
        ordered = sorted(work, key=_order)
        if self._adapters is not None:
            self._adapters.select(list(_parts(ordered)))
        if self._graphs is not None and self._graphs.takes(work):
            replayed = self._graphs.run(work)
            if replayed is not None:
                return replayed
        spans = [one.span for one in ordered]
        logits = self._forward(ordered, spans, self._memory.packing(spans))
        sampled = [one for one in ordered if one.samples]
        rows = [one.request.row for one in sampled]
        if not rows:
            return [None] * len(work)
        logits = logits[: len(rows), : self._vocab_size]
        chosen = choose(logits, rows, barred=self._barred, bad_words=self._bad_words)
        tokens = dict(zip((one.request for one in sampled), chosen, strict=True))
        return [tokens.get(one.request) for one in work]

    def usable(self) -> bool:
        """Whether the device still computes; after some errors a GPU never does again."""
        try:
            return bool(torch.ones(1, device=self._device).item() == 1.0)
        except RuntimeError as error:
            return is_out_of_memory(error)  # it is full, which can be mended

    def release_memory(self) -> None:
        """Give memory that nothing lies in back to the device."""
        if self._graphs is not None:
            self._graphs.drop()
        if self._device.type == "cuda":
            empty_cache()

    def _forward(
        self, work: Sequence[Work], spans: Sequence[Span], packing: Packing
    ) -> torch.Tensor:
        ids: list[int] = []
        keep = []
        for one, span in zip(work, spans, strict=True):
            ids += one.request.tokens[span.start : span.end]
            if one.samples:
                keep.append(len(ids) - 1)
        every = len(keep) == len(ids)
        ids += [0] * (len(packing.positions) - len(ids))
        output = self._model(
            input_ids=send(ids, self._device)[None],
            position_ids=packing.positions[None],
            use_cache=False,
            # Zero stands for all of them, and saves a selection.
            logits_to_keep=0 if every else selection(keep or [0], self._layer_devices),
            packing=packing,
        )
        logits: torch.Tensor = output.logits[0]
        return logits


def _order(one: Work) -> tuple[bool, str, int]:
    """Single tokens first, neighbours by adapter, the longest conversations before others."""
    return one.count > 1, one.request.adapter, -one.request.computed


def _parts(work: Sequence[Work]) -> Iterable[Part]:
    """Neighbours with the same adapter are one part."""
    first = 0
    for adapter, group in groupby(work, key=lambda one: one.request.adapter):
        count = sum(one.count for one in group)
        yield adapter, first, first + count
        first += count
