"""Attention by plain matrix products, for a processor that multiplies bf16 itself.

torch's fused attention on a CPU lays keys out anew for every query in bf16, which takes longer than
all of the rest: with a head of keys for each of 32 heads of queries, a new token that looks back at
1,000 others takes five times as long by it, and a prompt of 512 tokens three times (two cores of
Zen 5).
Scores are rounded to bf16 before the softmax, as transformers' own `eager` attention does.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from bot.generation.attention import extend
from bot.generation.weights.machine import has_native_bf16

FEW = 2**17
"""Numbers in the keys of one token's past, up to which the fused attention is no slower."""
MOST = 2**22
"""Scores at a time; more of them fall out of the processor's cache, and the fused one is faster."""


def is_faster(device: torch.device, dtype: torch.dtype) -> bool:
    """Whether `extend_by_products` is the way to attend here."""
    return device.type == "cpu" and dtype is torch.bfloat16 and has_native_bf16()


def extend_by_products(
    query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, scale: float | None
) -> Tensor:
    """The same as `extend`, but several new tokens always come with a mask."""
    _, heads, count, width = query.shape
    if count == 1 and keys.numel() <= FEW:
        return extend(query, keys, values, mask, scale)
    shared, past = keys.shape[1:3]
    rows = heads // shared * count
    if mask is not None and len(mask) < rows:
        mask = mask.repeat(rows // len(mask), 1)
    scale = width**-0.5 if scale is None else scale
    out = query.new_empty(shared, rows, width)
    queries, keys, values = query.reshape(shared, rows, width), keys[0].mT, values[0]
    for head, row in _blocks(shared, rows, past):
        bias = None if mask is None else mask[row]
        weights = _weights(queries[head, row], keys[head], bias, scale)
        torch.bmm(weights, values[head], out=out[head, row])
    return out.view(1, heads, count, width).transpose(1, 2)


def _blocks(shared: int, rows: int, past: int) -> Iterator[tuple[slice, slice]]:
    """Whole heads where that is few enough scores, else parts of one."""
    tall = min(rows, max(1, MOST // past))
    wide = min(shared, max(1, MOST // (tall * past)))
    for head in range(0, shared, wide):
        for row in range(0, rows, tall):
            yield slice(head, head + wide), slice(row, row + tall)


def _weights(queries: Tensor, keys: Tensor, mask: Tensor | None, scale: float) -> Tensor:
    bias = queries.new_empty(1) if mask is None else mask
    scores = torch.baddbmm(bias, queries, keys, beta=float(mask is not None), alpha=scale)
    return torch.softmax(scores, -1)
