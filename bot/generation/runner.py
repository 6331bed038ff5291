"""Carries one step through the model: tokens in, the next token of each request out."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from bot.generation.attention import Packing, Span, attach
from bot.generation.loading import LoadedModel
from bot.generation.memory import KeyValueMemory
from bot.generation.prefixes import Copy
from bot.generation.sampling import Row, choose
from bot.generation.scheduler import Work


class Runner:
    """The model with its memory. One thread only."""

    def __init__(
        self,
        loaded: LoadedModel,
        memory: KeyValueMemory,
        *,
        vocab_size: int,
        together: bool | None = None,
    ) -> None:
        self.memory = memory
        self._model = loaded.model
        self._device = loaded.device
        self._vocab_size = vocab_size
        self._together = loaded.device.type != "cpu" if together is None else together
        attach(loaded.model)

    @torch.inference_mode()
    def copy(self, copies: Sequence[Copy]) -> None:
        """Give slots the beginnings that others have computed."""
        for copy in copies:
            slots = max(copy.source, copy.target) + 1
            self.memory.reserve(slots, copy.length)
            self.memory.copy(copy.source, copy.target, copy.length)

    @torch.inference_mode()
    def run(self, work: Sequence[Work]) -> list[int | None]:
        """One forward for all the work; the chosen token of each, None where none was wanted.

        May be repeated with the same work: what it stores has its fixed place.
        """
        ordered = sorted(work, key=lambda one: one.count > 1)
        spans = [Span(_slot(one), one.request.computed, one.count) for one in ordered]
        self.memory.reserve(max(s.slot for s in spans) + 1, max(s.end for s in spans))
        packing = Packing(self.memory, spans, self._device, together=self._together)
        logits = self._forward(ordered, spans, packing)
        sampled = [one for one in ordered if one.samples]
        rows = [Row(w.request.sampling, w.request.tokens, w.request.dice) for w in sampled]
        chosen = choose(logits[: len(rows), : self._vocab_size], rows) if rows else []
        tokens = dict(zip((one.request for one in sampled), chosen, strict=True))
        return [tokens.get(one.request) for one in work]

    def usable(self) -> bool:
        """Whether the device still computes; after some errors a GPU never does again."""
        try:
            return bool(torch.ones(1, device=self._device).item() == 1.0)
        except RuntimeError:
            return False

    def release_memory(self) -> None:
        """Drop all keys and values, and give the memory back to the device."""
        self.memory.clear()
        if self._device.type == "cuda":
            torch.cuda.empty_cache()

    def _forward(
        self, work: Sequence[Work], spans: Sequence[Span], packing: Packing
    ) -> torch.Tensor:
        ids = [t for one, s in zip(work, spans, strict=True) for t in _part(one, s)]
        last = -1
        keep = []
        for one in work:
            last += one.count
            if one.samples:
                keep.append(last)
        output = self._model(
            input_ids=torch.tensor([ids], device=self._device),
            position_ids=packing.positions[None],
            use_cache=False,
            logits_to_keep=torch.tensor(keep or [last], device=self._device),
            packing=packing,
        )
        logits: torch.Tensor = output.logits[0]
        return logits


def _slot(work: Work) -> int:
    if work.request.slot is None:
        raise ValueError("only an admitted request can be computed")
    return work.request.slot


def _part(work: Work, span: Span) -> list[int]:
    return work.request.tokens[span.start : span.end]
