"""What is done to logits before anything is drawn: bias, repetition penalty, barred tokens."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from bot.generation.sampling.bad_words import BadWords
from bot.generation.sampling.rows import Row


def adjust(
    logits: Tensor, rows: Sequence[Row], barred: Tensor | None, bad_words: BadWords | None = None
) -> Tensor:
    """The logits in fp32 after bias, repetition penalty and bars, in transformers' order.

    What was given is left as it was; it is given back where there is nothing to do.
    """
    biased = any(row.sampling.logit_bias for row in rows)
    penalised = any(row.penalises for row in rows)
    forbidden = places(bad_words, rows, logits.shape[-1])
    if barred is None and not biased and not penalised and not forbidden:
        return logits.to(torch.float32)
    logits = logits.to(torch.float32, copy=True, memory_format=torch.contiguous_format)
    if biased:
        _add_bias(logits, rows)
    if penalised:
        _penalise(logits, rows)
    if forbidden:
        logits.view(-1)[torch.tensor(forbidden, device=logits.device)] = -torch.inf
    return logits if barred is None else logits.index_fill_(-1, barred, -torch.inf)


def places(bad_words: BadWords | None, rows: Sequence[Row], vocabulary: int) -> list[int]:
    """Where, in flattened logits [rows, vocabulary], a token would complete a bad word."""
    if not bad_words:
        return []
    return [
        index * vocabulary + token
        for index, row in enumerate(rows)
        for token in bad_words.next(row.tokens)
    ]


def penalise(scores: Tensor, penalty: Tensor) -> Tensor:
    """Scores of tokens that were seen, made less likely by a penalty above one."""
    return torch.where(scores < 0, scores * penalty, scores / penalty)


def _add_bias(logits: Tensor, rows: Sequence[Row]) -> None:
    pairs = [
        (index * logits.shape[-1] + token, amount)
        for index, row in enumerate(rows)
        for token, amount in dict(row.sampling.logit_bias).items()
    ]
    at = torch.tensor([place for place, _ in pairs], device=logits.device)
    amounts = torch.tensor([amount for _, amount in pairs], device=logits.device)
    logits.view(-1).index_add_(0, at, amounts.to(torch.float32))


def _penalise(logits: Tensor, rows: Sequence[Row]) -> None:
    places, penalties = [], []
    for index, row in enumerate(rows):
        if row.penalises:
            ids = row.seen.ids()
            places.append(ids + index * logits.shape[-1])
            penalties.append(torch.full((len(ids),), row.sampling.repetition_penalty))
    at = torch.cat(places).to(logits.device)
    flat = logits.view(-1)
    flat[at] = penalise(flat[at], torch.cat(penalties).to(logits.device))
