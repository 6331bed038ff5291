"""Attention over slots: tokens of many conversations, packed into one row, in one forward."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AttentionInterface, PreTrainedModel

NAME = "quipu_slots"


@dataclass(frozen=True, slots=True)
class Span:
    """New tokens of one slot: `count` of them, the first at position `start`."""

    slot: int
    start: int
    count: int

    @property
    def end(self) -> int:
        """The position after the last."""
        return self.start + self.count


class Packing(Protocol):
    """Where each token of one packed row belongs; made once a step, read by every layer."""

    @property
    def positions(self) -> Tensor:
        """The position of each token in its conversation.

        There may be more than the spans had: a row is filled up to a length that repeats.
        """

    def attend(
        self, layer: int, query: Tensor, key: Tensor, value: Tensor, scale: float | None
    ) -> Tensor:
        """Store keys and values, then attend; [1, heads, tokens, dim] in, tokens first out."""


def attach(model: PreTrainedModel) -> None:
    """Make the model attend through `attend`; its forward then needs `packing=`.

    No mask function is registered under the name, so transformers builds no mask of its own.
    """
    AttentionInterface.register(NAME, attend)
    model.set_attn_implementation(NAME)


def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,  # noqa: ARG001 -- transformers passes it, always None here
    *,
    packing: Packing,
    scaling: float | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention of one layer in the form transformers calls: [1, heads, tokens, head_dim] in.

    NotImplementedError for what none of the kernels does: they would give numbers that are nearly
    right.
    """
    if softcap is not None:
        raise NotImplementedError("its attention bounds the scores (softcap)")
    if s_aux is not None:
        raise NotImplementedError("its attention has sinks (s_aux)")
    return packing.attend(module.layer_idx, query, key, value, scaling), None


def mask_for(
    span: Span, device: torch.device, dtype: torch.dtype, *, causal: bool = True
) -> Tensor | None:
    """What each new token may not see; None where no mask is needed.

    None is needed for one token, nor at a conversation's beginning by what can be told that it is
    `causal`. In numbers to be added, since torch makes them of every mask of truth values, in
    each layer.
    """
    if span.count == 1 or (causal and not span.start):
        return None
    hidden = torch.full((span.count, span.end), -torch.inf, dtype=dtype, device=device)
    return hidden.triu(span.start + 1)


def extend(
    query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, scale: float | None
) -> Tensor:
    """New tokens of one slot, each attending to what comes before it.

    Query [1, heads, new, dim], keys and values [1, shared heads, all, dim]; [1, new, heads, dim]
    comes out. Without a mask the new tokens are one, or all there are. A mask has a row for each
    new token, or for each of each head that shares a key head.
    """
    _, heads, count, width = query.shape
    shared = keys.shape[1]
    group = heads // shared
    causal = mask is None and count > 1
    if causal and group > 1:
        keys, values = keys.repeat_interleave(group, 1), values.repeat_interleave(group, 1)
    if causal or group == 1:
        out = functional.scaled_dot_product_attention(
            query, keys, values, attn_mask=mask, is_causal=causal, scale=scale
        )
        return out.transpose(1, 2)
    # The query heads that share a key head become its rows: nothing is repeated.
    rows = group * count
    if mask is not None and len(mask) < rows:
        mask = mask.repeat(group, 1)
    out = functional.scaled_dot_product_attention(
        query.reshape(1, shared, rows, width), keys, values, attn_mask=mask, scale=scale
    )
    return out.reshape(1, heads, count, width).transpose(1, 2)
