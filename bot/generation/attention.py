"""Attention over slots: tokens of many conversations, packed into one row, in one forward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import AttentionInterface, PreTrainedModel

from bot.generation.memory import KeyValueMemory

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


@dataclass(frozen=True, slots=True)
class Segment:
    """A span that is attended on its own: packed tokens [first, last) of one slot."""

    span: Span
    first: int
    last: int
    mask: Tensor | None


@dataclass(frozen=True, slots=True)
class Decoding:
    """Spans of one token, attended together: padded to the longest and masked."""

    slots: Tensor
    length: int
    mask: Tensor


class Packing:
    """Where each token of one packed row belongs; made once a step, read by every layer.

    With `together`, spans of one token must come first and are attended as one padded batch,
    which a GPU wants. Without, every span is attended alone: on a CPU that is faster, as nothing
    is padded, masked or gathered.
    """

    def __init__(
        self, memory: KeyValueMemory, spans: Sequence[Span], device: torch.device, *, together: bool
    ) -> None:
        self.memory = memory
        numbers = [(s.slot, at) for s in spans for at in range(s.start, s.end)]
        self.slots, self.positions = torch.tensor(numbers, device=device).unbind(-1)
        singles = sum(span.count == 1 for span in spans) if together else 0
        self.decoding = self._decoding(spans[:singles], device) if singles > 1 else None
        self.segments = list(self._segments(spans, singles if singles > 1 else 0, device))

    def _decoding(self, spans: Sequence[Span], device: torch.device) -> Decoding:
        count, length = len(spans), max(span.end for span in spans)
        past = torch.arange(length, device=device)[None] <= self.positions[:count, None]
        return Decoding(self.slots[:count], length, past[:, None, None])

    @staticmethod
    def _segments(spans: Sequence[Span], skip: int, device: torch.device) -> list[Segment]:
        segments: list[Segment] = []
        first = skip
        for span in spans[skip:]:
            mask = None
            if span.start and span.count > 1:
                square = torch.ones(span.count, span.end, dtype=torch.bool, device=device)
                mask = square.tril(span.start)
            segments.append(Segment(span, first, first + span.count, mask))
            first += span.count
        return segments


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
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention of one layer in the form transformers calls: [1, heads, tokens, head_dim] in."""
    layer, memory = module.layer_idx, packing.memory
    rows = query[0].transpose(0, 1)
    memory.write(
        layer, packing.slots, packing.positions, key[0].transpose(0, 1), value[0].transpose(0, 1)
    )
    keys, values = memory.layer(layer)
    out = torch.empty_like(rows, memory_format=torch.contiguous_format)
    if packing.decoding is not None:
        count = len(packing.decoding.slots)
        out[:count] = _decode(rows[:count], keys, values, packing.decoding, scaling)
    for segment in packing.segments:
        new = rows[segment.first : segment.last]
        out[segment.first : segment.last] = _extend(new, keys, values, segment, scaling)
    return out[None], None


def _decode(
    rows: Tensor, keys: Tensor, values: Tensor, decoding: Decoding, scale: float | None
) -> Tensor:
    """One token of each slot; the query heads that share a key head become its rows."""
    count, heads, width = rows.shape
    query = rows.reshape(count, keys.shape[1], -1, width)
    out = functional.scaled_dot_product_attention(
        query,
        keys[decoding.slots, :, : decoding.length],
        values[decoding.slots, :, : decoding.length],
        attn_mask=decoding.mask,
        scale=scale,
    )
    return out.reshape(count, heads, width)


def _extend(
    rows: Tensor, keys: Tensor, values: Tensor, segment: Segment, scale: float | None
) -> Tensor:
    """New tokens of one slot, each attending to what comes before it."""
    count, heads, width = rows.shape
    span = segment.span
    past_keys = keys[span.slot : span.slot + 1, :, : span.end]
    past_values = values[span.slot : span.slot + 1, :, : span.end]
    shared = past_keys.shape[1]
    if not span.start and count > 1:
        out = functional.scaled_dot_product_attention(
            rows.transpose(0, 1)[None],
            past_keys,
            past_values,
            is_causal=True,
            scale=scale,
            enable_gqa=shared != heads,
        )
        return out[0].transpose(0, 1)
    group = heads // shared
    query = rows.view(count, shared, group, width).permute(1, 2, 0, 3)
    mask = None if segment.mask is None else segment.mask.repeat(group, 1)
    out = functional.scaled_dot_product_attention(
        query.reshape(1, shared, group * count, width),
        past_keys,
        past_values,
        attn_mask=mask,
        scale=scale,
    )
    return out.view(shared, group, count, width).permute(2, 0, 1, 3).reshape(count, heads, width)
