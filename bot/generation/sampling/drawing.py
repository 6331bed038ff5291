"""What every way of drawing a token shares: which tokens the settings keep, and which is drawn.

Tokens are drawn by inverting the cumulative distribution in the order of their ids: one uniform
number decides, and it does not matter how, where or beside whom the row was ranked.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

BLOCK = 128
"""Tokens whose sum is looked at first; then only one block is looked into."""


@dataclass(frozen=True, slots=True)
class Border:
    """The lowest score that each row keeps, how many tokens share it, and how many of them stay.

    Of tokens that share the border's score the first by id are kept. `lowest` is the lowest score
    that had a say: top-p counts within all that top-k keeps. All are [rows, 1].
    """

    score: Tensor
    tied: Tensor
    kept: Tensor
    lowest: Tensor

    def inside(self, scores: Tensor) -> Tensor:
        """Which of these scores, in the order of their ids, are kept."""
        tied = scores == self.score
        return (scores > self.score) | (tied & (tied.cumsum(-1) <= self.kept))

    def replace(self, rows: list[int], found: Border) -> None:
        """Take over what was found for some of the rows."""
        self.score[rows] = found.score
        self.tied[rows] = found.tied
        self.kept[rows] = found.kept


def find_border(
    scores: Tensor, probability: Tensor, *, top_k: Tensor, top_p: Tensor, min_p: Tensor
) -> Border:
    """Where transformers' top-k, top-p and min-p, one after the other, stop removing tokens.

    Both tensors are [rows, any width] and rise; they hold the likeliest tokens, whose
    probabilities are shares of the whole vocabulary. The settings are [rows, 1]; a top-k of 0 is
    none.
    """
    width = scores.shape[-1]
    cumulative = probability.cumsum(-1)
    limited = top_k > 0
    kth = scores.gather(-1, width - top_k.to(torch.int64).clamp(1, width))
    weak = torch.searchsorted(scores, kth).where(limited, 0)
    below = cumulative.gather(-1, (weak - 1).clamp_min(0)).where(weak > 0, 0.0)
    total = cumulative[:, -1:]
    # Top-p counts within what top-k has left over; without one, beside what is not even here.
    removable = torch.where(
        limited, below + (1 - top_p) * (total - below), (1 - top_p) - (1 - total).clamp_min(0.0)
    )
    unlikely = torch.searchsorted(cumulative, removable, right=True).where(top_p < 1, 0)
    faint = torch.searchsorted(probability, min_p * probability[:, -1:])
    removed = weak.maximum(unlikely).maximum(faint).clamp_max(width - 1)
    last = scores.gather(-1, removed)
    beyond = torch.searchsorted(scores, last, right=True)
    tied = beyond - torch.searchsorted(scores, last)
    return Border(last, tied, beyond - removed, torch.where(limited, kth.minimum(last), last))


def pick(weights: Tensor, uniform: Tensor) -> Tensor:
    """The place [rows] where the running sum of each row's weights passes its share `uniform`.

    Never a place without weight. Weights need not sum to one, but to more than nothing.
    """
    rows, width = weights.shape
    short = -width % BLOCK
    blocks = (pad(weights, (0, short)) if short else weights).view(rows, -1, BLOCK)
    sums = blocks.sum(-1)
    cumulative = sums.cumsum(-1)
    share = _short_of(uniform[:, None] * cumulative[:, -1:], cumulative[:, -1:])
    at = (cumulative <= share).sum(-1, keepdim=True)
    rest = share - (cumulative.gather(-1, at) - sums.gather(-1, at))
    inner = blocks.gather(1, at[:, :, None].expand(-1, -1, BLOCK))[:, 0].cumsum(-1)
    rest = _short_of(rest.clamp_min(0.0), inner[:, -1:])
    return at[:, 0] * BLOCK + (inner <= rest).sum(-1)


def _short_of(share: Tensor, total: Tensor) -> Tensor:
    # Rounding must not carry a share up to the whole sum: no place passes that.
    return share.minimum(total.nextafter(torch.zeros_like(total)))
