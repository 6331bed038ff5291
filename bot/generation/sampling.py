"""Choosing the next token of many answers at once, each by its own settings and its own dice."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bot.values import Sampling

CANDIDATES = 1024
"""Likeliest tokens looked at first; a row that needs more has its whole vocabulary sorted."""
COLDEST = 1e-5
"""A temperature below this cannot be told from it in fp32."""


@dataclass(frozen=True, slots=True)
class Row:
    """One answer's settings, its tokens so far (the prompt's too) and its dice."""

    sampling: Sampling
    tokens: Sequence[int]
    dice: random.Random


def choose(logits: Tensor, rows: Sequence[Row]) -> list[int | None]:
    """The next token of each row of logits [rows, vocabulary]; None where they are not finite.

    A row's choice depends on that row alone. The order of the settings is transformers':
    repetition penalty, temperature, top-k, top-p, min-p. Top-p keeps a token as long as the
    probability before it is at most p, as Meta's reference does.
    """
    logits = logits.to(torch.float32, copy=True)
    for index, row in enumerate(rows):
        if row.sampling.repetition_penalty != 1.0:
            _penalise(logits[index], row)
    best, likeliest = logits.max(-1)
    chosen: list[int | None] = list(likeliest.tolist())
    finite = torch.isfinite(best).tolist()
    drawn = [i for i, row in enumerate(rows) if finite[i] and row.sampling.temperature > 0]
    if drawn:
        tokens = _draw(logits[drawn], [rows[i] for i in drawn])
        for index, token in zip(drawn, tokens, strict=True):
            chosen[index] = token
    return [token if sound else None for token, sound in zip(chosen, finite, strict=True)]


def _penalise(logits: Tensor, row: Row) -> None:
    seen = torch.tensor(row.tokens, device=logits.device)
    penalty = row.sampling.repetition_penalty
    scores = logits[seen]
    logits[seen] = torch.where(scores < 0, scores * penalty, scores / penalty)


def _draw(logits: Tensor, rows: Sequence[Row]) -> list[int]:
    temperature = _column(logits, [max(row.sampling.temperature, COLDEST) for row in rows])
    scaled = (logits - logits.amax(-1, keepdim=True)) / temperature
    probability = scaled.softmax(-1)
    uniform = _column(logits, [row.dice.random() for row in rows])
    tokens = [0] * len(rows)
    for draw, chosen in ((_draw_ranked, True), (_draw_unranked, False)):
        some = [i for i, row in enumerate(rows) if _by_rank(row.sampling) is chosen]
        if some:
            drawn = draw(probability[some], uniform[some], [rows[i] for i in some])
            for index, token in zip(some, drawn, strict=True):
                tokens[index] = token
    return tokens


def _by_rank(sampling: Sampling) -> bool:
    """Whether tokens must be sorted to see which are kept."""
    return sampling.top_k > 0 or sampling.top_p < 1


def _draw_unranked(probability: Tensor, uniform: Tensor, rows: Sequence[Row]) -> list[int]:
    tokens: list[int] = _pick(_without_unlikely(probability, rows), uniform).squeeze(-1).tolist()
    return tokens


def _draw_ranked(probability: Tensor, uniform: Tensor, rows: Sequence[Row]) -> list[int]:
    count = min(CANDIDATES, probability.shape[-1])
    top, ids = probability.topk(count)
    tokens: list[int] = ids.gather(-1, _pick(_keep(top, rows), uniform)).squeeze(-1).tolist()
    if count == probability.shape[-1]:
        return tokens
    for index, known in enumerate(_enough(top, rows)):
        if not known:
            one = slice(index, index + 1)
            top, ids = probability[one].sort(descending=True, stable=True)
            tokens[index] = int(ids[0, _pick(_keep(top, rows[one]), uniform[one])[0, 0]])
    return tokens


def _enough(probability: Tensor, rows: Sequence[Row]) -> list[bool]:
    """Whether no token beyond these could be chosen."""
    count = probability.shape[-1]
    mass = probability.sum(-1).tolist()
    least = (probability[:, -1] / probability[:, 0]).tolist()
    return [
        0 < row.sampling.top_k <= count
        or mass[i] > row.sampling.top_p
        or least[i] < row.sampling.min_p
        for i, row in enumerate(rows)
    ]


def _pick(kept: Tensor, uniform: Tensor) -> Tensor:
    """The place in each row where its share of the sum is passed."""
    cumulative = kept.cumsum(-1)
    total = cumulative[:, -1:]
    # Rounding must not carry the product up to the whole sum: no place passes that.
    share = (uniform * total).minimum(total.nextafter(torch.zeros_like(total)))
    return (cumulative <= share).sum(-1, keepdim=True)


def _keep(probability: Tensor, rows: Sequence[Row]) -> Tensor:
    """Probabilities, likeliest first, with 0 for the tokens that the settings leave out."""
    count = probability.shape[-1]
    top_k = _column(probability, [row.sampling.top_k or count for row in rows])
    limited = [row.sampling.top_k > 0 for row in rows]
    rank = torch.arange(count, device=probability.device)
    kept = probability.masked_fill(rank >= top_k, 0.0)
    # Top-p counts within what top-k has left over.
    mass = kept.sum(-1, keepdim=True).where(_column(kept, limited) > 0, 1.0)
    bound = [p if (p := row.sampling.top_p) < 1 else float("inf") for row in rows]
    before = kept.cumsum(-1) - kept
    kept = kept.masked_fill(before > _column(kept, bound) * mass, 0.0)
    return _without_unlikely(kept, rows)


def _without_unlikely(probability: Tensor, rows: Sequence[Row]) -> Tensor:
    least = _column(probability, [row.sampling.min_p for row in rows])
    return probability.masked_fill(probability < least * probability.amax(-1, keepdim=True), 0.0)


def _column(like: Tensor, values: Sequence[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float32, device=like.device)[:, None]
