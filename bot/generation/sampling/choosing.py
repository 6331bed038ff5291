"""Choosing the next token of many answers at once, each by its own settings and its own dice."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bot.generation.sampling.bad_words import BadWords
from bot.generation.sampling.drawing import Border, find_border, pick
from bot.generation.sampling.penalties import adjust, places
from bot.generation.sampling.rows import Row
from bot.generation.sampling.tensors import COLDEST, SamplingTensors, sample

CANDIDATES = 256
"""Likeliest tokens looked at first; a row that needs more has its whole vocabulary sorted."""
TOGETHER = 8
"""Rows that the CPU works on at once: enough to spread what an operation costs by itself, few
enough that what lies between two operations stays in the cache and in the allocator's hands."""

__all__ = ["CANDIDATES", "Row", "choose"]


def choose(
    logits: Tensor,
    rows: Sequence[Row],
    *,
    barred: Tensor | None = None,
    bad_words: BadWords | None = None,
) -> list[int | None]:
    """The next token of each row of logits [rows, vocabulary]; None where they are not finite.

    Tokens in `barred`, ids on the logits' device, are never chosen, nor is a bad word
    completed. The order of the settings is transformers': bias, repetition penalty, bars,
    temperature, top-k, top-p, min-p. A row's choice depends on that row alone; one that draws
    takes one number from its dice.
    """
    if logits.device.type == "cuda":
        return _choose_on_device(logits, rows, barred, bad_words)
    chosen: list[int | None] = []
    for start in range(0, len(rows), TOGETHER):
        some = slice(start, start + TOGETHER)
        chosen += _choose_on_cpu(logits[some].cpu(), rows[some], barred, bad_words)
    return chosen


def _choose_on_cpu(
    logits: Tensor, rows: Sequence[Row], barred: Tensor | None, bad_words: BadWords | None
) -> list[int | None]:
    logits = adjust(logits, rows, None if barred is None else barred.cpu(), bad_words)
    finite = torch.isfinite(logits.amax(-1)).tolist()
    tokens = torch.full((len(rows),), -1)
    greedy = [i for i, row in enumerate(rows) if finite[i] and not row.draws]
    if greedy:
        tokens[greedy] = _part(logits, greedy).argmax(-1)
    drawn = [i for i, row in enumerate(rows) if finite[i] and row.draws]
    if drawn:
        tokens[drawn] = _draw(_part(logits, drawn), [rows[i] for i in drawn])
    return [None if token < 0 else token for token in tokens.tolist()]


def _choose_on_device(
    logits: Tensor, rows: Sequence[Row], barred: Tensor | None, bad_words: BadWords | None
) -> list[int | None]:
    tensors = SamplingTensors.allocate(*logits.shape, device=logits.device)
    tensors.load(rows, barred)
    tensors.bar(places(bad_words, rows, logits.shape[-1]))
    tensors.roll(rows)
    ids = sample(logits, tensors, ranked=any(row.ranks for row in rows))
    return [None if token < 0 else token for token in ids.tolist()]


def _draw(logits: Tensor, rows: Sequence[Row]) -> Tensor:
    scores = logits / _column([max(row.sampling.temperature, COLDEST) for row in rows])
    probability = scores.softmax(-1)
    likeliest = probability.amax(-1, keepdim=True)
    ranked = [i for i, row in enumerate(rows) if row.ranks]
    if ranked:
        some = _part(scores, ranked)
        border = _find_border(some, likeliest[ranked], [rows[i] for i in ranked])
        _keep(probability, ranked, _inside(border, some))
    faint = [i for i, row in enumerate(rows) if not row.ranks and row.sampling.min_p > 0]
    if faint:
        least = _column([rows[i].sampling.min_p for i in faint]) * likeliest[faint]
        _keep(probability, faint, _part(probability, faint) >= least)
    return pick(probability, torch.tensor([row.dice.random() for row in rows]))


def _keep(probability: Tensor, rows: Sequence[int], inside: Tensor) -> None:
    if len(rows) == len(probability):
        probability.mul_(inside)
    else:
        probability[rows] *= inside


def _inside(border: Border, scores: Tensor) -> Tensor:
    if torch.equal(border.tied, border.kept):
        return scores >= border.score  # a third of the work where no tie is torn apart
    return border.inside(scores)


def _find_border(scores: Tensor, likeliest: Tensor, rows: Sequence[Row]) -> Border:
    """The border of each row; `likeliest` [rows, 1] is its greatest probability."""
    first = max(0, scores.shape[-1] - CANDIDATES)
    # Values alone are ranked many times as fast by numpy as by torch, which brings their indices.
    top = np.partition(scores.numpy(), first, -1)[:, first:] if first else scores.numpy()
    border, lowest = _border_within(np.sort(top, -1), likeliest, rows)
    # Tokens that share the candidates' lowest score may lie outside of them.
    unsure = (border.lowest <= lowest)[:, 0].nonzero()[:, 0].tolist() if first else []
    if unsure:
        whole = np.sort(_part(scores, unsure).numpy(), -1)
        found, _ = _border_within(whole, likeliest[unsure], [rows[i] for i in unsure])
        border.replace(unsure, found)
    return border


def _border_within(
    rising: NDArray[np.float32], likeliest: Tensor, rows: Sequence[Row]
) -> tuple[Border, Tensor]:
    scores = torch.from_numpy(rising)
    border = find_border(
        scores,
        (scores - scores[:, -1:]).exp_().mul_(likeliest),
        top_k=_column([row.top_k for row in rows]),
        top_p=_column([row.sampling.top_p for row in rows]),
        min_p=_column([row.sampling.min_p for row in rows]),
    )
    return border, scores[:, :1]


def _part(tensor: Tensor, rows: Sequence[int]) -> Tensor:
    return tensor if len(rows) == len(tensor) else tensor[rows]


def _column(values: Sequence[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float32)[:, None]
