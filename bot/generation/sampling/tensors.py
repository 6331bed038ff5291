"""Choosing tokens with fixed shapes and without a word from the host, as CUDA graphs need it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bot.generation.sampling.drawing import find_border, pick
from bot.generation.sampling.penalties import penalise
from bot.generation.sampling.rows import Row
from bot.generation.transfer import send, to_device

COLDEST = 1e-5
"""A temperature below this cannot be told from it in fp32."""
IDLE = (0.0, 0.0, 1.0, 0.0, 1.0)
"""Temperature, top-k, top-p, min-p and penalty of a place in the batch that nobody has."""


@dataclass(frozen=True, slots=True)
class SamplingTensors:
    """The settings of a batch on the device; filled in place, so that addresses stay.

    `settings` is [5, batch]: temperature (0 takes the likeliest), top-k (0 is none), top-p, min-p
    and repetition penalty. `uniform` is [batch]: this step's numbers in [0, 1). `seen` and `bias`
    are [batch, vocabulary]; a bias of minus infinity bars a token.
    """

    settings: Tensor
    uniform: Tensor
    seen: Tensor
    bias: Tensor

    @classmethod
    def allocate(
        cls, batch: int, vocabulary: int, *, device: torch.device | str
    ) -> SamplingTensors:
        """Room for `batch` answers; all of them idle, which is greedy."""
        return cls(
            settings=send(IDLE, torch.device(device), dtype=torch.float32)[:, None].repeat(
                1, batch
            ),
            uniform=torch.zeros(batch, device=device),
            seen=torch.zeros(batch, vocabulary, dtype=torch.bool, device=device),
            bias=torch.zeros(batch, vocabulary, device=device),
        )

    def load(self, rows: Sequence[Row], barred: Tensor | None = None) -> None:
        """Take over other rows, from the first place on; needed when the batch changes."""
        idle = [IDLE] * (self.settings.shape[1] - len(rows))
        table = send([_settings(row) for row in rows] + idle, self._device, dtype=torch.float32)
        self.settings.copy_(table.T)
        self.seen.zero_()
        self.bias.zero_()
        for index, row in enumerate(rows):
            self._load_row(index, row)
        if barred is not None:
            self.bias.index_fill_(-1, barred, -torch.inf)

    def bar(self, places: Sequence[int]) -> None:
        """Let no row choose these: places in the flattened [batch, vocabulary]."""
        if places:
            self.bias.view(-1).index_fill_(0, send(places, self._device), -torch.inf)

    def roll(self, rows: Sequence[Row]) -> None:
        """Take the numbers of one step from the rows' dice: once before each `sample`."""
        numbers = [row.dice.random() if row.draws else 0.0 for row in rows]
        self.uniform[: len(rows)].copy_(send(numbers, self._device, dtype=torch.float32))

    def first(self, count: int, uniform: Tensor | None = None) -> SamplingTensors:
        """The first places of the batch, with the same memory; or with other numbers."""
        return SamplingTensors(
            settings=self.settings[:, :count],
            uniform=self.uniform[:count] if uniform is None else uniform,
            seen=self.seen[:count],
            bias=self.bias[:count],
        )

    def note(self, ids: Tensor) -> None:
        """Count what `sample` gave as seen. Makes no synchronisation."""
        at = ids.clamp_min(0)[:, None]
        self.seen.scatter_(1, at, self.seen.gather(1, at) | (ids >= 0)[:, None])

    @property
    def _device(self) -> torch.device:
        return self.settings.device

    def _load_row(self, index: int, row: Row) -> None:
        if row.penalises:
            self.seen[index].index_fill_(0, to_device(row.seen.ids(), self._device), True)
        if row.sampling.logit_bias:
            tokens, amounts = zip(*row.sampling.logit_bias, strict=True)
            at = send(tokens, self._device)
            self.bias[index].index_copy_(0, at, send(amounts, self._device, dtype=torch.float32))


def sample(
    logits: Tensor, tensors: SamplingTensors, *, drawn: bool = True, ranked: bool = True
) -> Tensor:
    """The next ids [batch] for logits [batch, vocabulary]; -1 where no number is finite.

    Makes no synchronisation, and its shapes depend on nothing but these. Where no row draws, or
    none has top-k or top-p, `drawn` or `ranked` may be False, which saves the sorting.
    """
    temperature, top_k, top_p, min_p, penalty = tensors.settings[:, :, None]
    logits = logits.to(torch.float32) + tensors.bias
    logits = torch.where(tensors.seen, penalise(logits, penalty), logits)
    best, ids = logits.max(-1)
    if drawn:
        scores = logits / temperature.clamp_min(COLDEST)
        probability = scores.softmax(-1)
        if ranked:
            settings = {"top_k": top_k, "top_p": top_p, "min_p": min_p}
            rising = scores.sort(-1).values
            border = find_border(rising, rising.softmax(-1), **settings)
            kept = probability * border.inside(scores)
        else:
            least = min_p * probability.amax(-1, keepdim=True)
            kept = probability * (probability >= least)
        ids = torch.where(temperature[:, 0] > 0, pick(kept, tensors.uniform), ids)
    return ids.masked_fill(~torch.isfinite(best), -1)


def _idle(batch: int, device: torch.device) -> Tensor:
    return send(IDLE, device, dtype=torch.float32)[:, None].repeat(1, batch)


def _settings(row: Row) -> tuple[float, ...]:
    chosen = row.sampling
    return (
        max(chosen.temperature, COLDEST) if row.draws else 0.0,
        float(row.top_k),
        chosen.top_p,
        chosen.min_p,
        chosen.repetition_penalty,
    )
