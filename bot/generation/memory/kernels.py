"""Attention over pages, by torch's own kernels or by those of flash-attn."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
import torch
from torch import Tensor
from torch.nn import functional

from bot.errors import ModelLoadError
from bot.generation.attention import Span, extend

log = structlog.get_logger(__name__)

AMPERE = (8, 0)
WIDEST_HEAD = 256
"""Dimensions of a head that flash-attn has kernels for."""


@dataclass(frozen=True, slots=True)
class Singles:
    """One token each of several slots: `tables` [slots, pages] and `lengths` [slots], both int32.

    `lengths` counts the new token too. `mask` is what the kernel asked for.
    """

    tables: Tensor
    lengths: Tensor
    mask: Tensor | None


@dataclass(frozen=True, slots=True)
class Segment:
    """Several tokens of one slot, from place `first` of the packed row on; `pages` is int32.

    `mask` is what they may see where the conversation is continued, None for a kernel that knows.
    """

    first: int
    span: Span
    pages: Tensor
    mask: Tensor | None


class Kernels(Protocol):
    """How tokens attend to pools of [pages, page, 2, heads, dim]."""

    @property
    def name(self) -> str: ...

    @property
    def page(self) -> int:
        """Tokens of a page."""

    @property
    def masks(self) -> bool:
        """Whether masks are wanted."""

    @property
    def gathers(self) -> bool:
        """Whether work grows with the width of the tables, however short conversations are."""

    def singles(self, query: Tensor, pool: Tensor, batch: Singles, scale: float | None) -> Tensor:
        """Query [1, heads, slots, dim] in, [1, slots, heads, dim] out."""

    def continued(
        self, query: Tensor, pool: Tensor, segment: Segment, scale: float | None
    ) -> Tensor:
        """Query [1, heads, tokens, dim] in, [1, tokens, heads, dim] out; all keys are stored."""


class GatheredAttention:
    """Pages are copied side by side, then attended with a mask, in torch's own kernels."""

    name = "gathered"
    page = 16
    masks = True
    gathers = True

    def singles(self, query: Tensor, pool: Tensor, batch: Singles, scale: float | None) -> Tensor:
        """The query heads that share a key head become its rows, so that nothing is repeated."""
        _, heads, count, dim = query.shape
        gathered = pool.index_select(0, batch.tables.flatten())
        past = gathered.view(count, -1, *pool.shape[2:]).permute(2, 0, 3, 1, 4)
        out = functional.scaled_dot_product_attention(
            query[0].transpose(0, 1).reshape(count, pool.shape[3], -1, dim),
            past[0],
            past[1],
            attn_mask=batch.mask,
            scale=scale,
        )
        return out.reshape(1, count, heads, dim)

    def continued(
        self, query: Tensor, pool: Tensor, segment: Segment, scale: float | None
    ) -> Tensor:
        """See `Kernels`."""
        past = pool.index_select(0, segment.pages).flatten(0, 1)[: segment.span.end]
        keys, values = past.permute(1, 2, 0, 3).unsqueeze(1).unbind()
        return extend(query, keys, values, segment.mask, scale)


class FlashAttention:
    """flash-attn reads pages where they lie; its argument names are those of version 2.

    Its pages must be multiples of 256 tokens. With `causal` the last query sees everything, and
    each one before it a token less.
    """

    name = "flash"
    page = 256
    masks = False
    gathers = False

    def __init__(self, with_kvcache: Any) -> None:
        self._attend = with_kvcache

    def singles(self, query: Tensor, pool: Tensor, batch: Singles, scale: float | None) -> Tensor:
        """See `Kernels`."""
        rows = query.permute(2, 0, 1, 3)
        return self._run(rows, pool, batch.tables, batch.lengths, scale).transpose(0, 1)

    def continued(
        self, query: Tensor, pool: Tensor, segment: Segment, scale: float | None
    ) -> Tensor:
        """See `Kernels`."""
        length = torch.full((1,), segment.span.end, dtype=torch.int32, device=pool.device)
        return self._run(query.transpose(1, 2), pool, segment.pages[None], length, scale)

    def _run(
        self, query: Tensor, pool: Tensor, tables: Tensor, lengths: Tensor, scale: float | None
    ) -> Tensor:
        keys, values = pool.unbind(2)
        out: Tensor = self._attend(
            query.contiguous(),
            keys,
            values,
            cache_seqlens=lengths,
            block_table=tables,
            softmax_scale=scale,
            causal=True,
        )
        return out


def choose_kernels(
    device: torch.device, dtype: torch.dtype, head_dim: int, *, wanted: str = "auto"
) -> Kernels:
    """The fastest kernels there are for the device; `wanted` may name others.

    ModelLoadError if the wanted ones cannot be had.
    """
    lacking = _lacking_for_flash(device, dtype, head_dim)
    if wanted == "flash" and lacking:
        raise ModelLoadError(f"attention by flash-attn is not possible: {lacking}")
    if wanted == "gathered" or lacking:
        chosen: Kernels = GatheredAttention()
    else:
        chosen = _flash() or GatheredAttention()
    if wanted == "flash" and chosen.name != "flash":
        raise ModelLoadError("flash-attn is installed but cannot be imported")
    log.info("attention_chosen", attention=chosen.name, device=str(device), reason=lacking or None)
    return chosen


def _lacking_for_flash(device: torch.device, dtype: torch.dtype, head_dim: int) -> str:
    if device.type != "cuda":
        return f"the model is on {device.type}"
    if dtype not in (torch.float16, torch.bfloat16):
        return f"the model computes in {dtype}"
    if head_dim % 8 or head_dim > WIDEST_HEAD:
        return f"the model's heads have {head_dim} dimensions"
    if torch.version.cuda is None or torch.cuda.get_device_capability(device) < AMPERE:
        return "the device is older than Ampere"
    if importlib.util.find_spec("flash_attn") is None:
        return "flash-attn is not installed"
    return ""


def _flash() -> FlashAttention | None:
    """None if the package was built for another torch or CUDA, which shows when it is imported."""
    try:
        module = importlib.import_module("flash_attn")
        return FlashAttention(module.flash_attn_with_kvcache)
    except (ImportError, OSError, AttributeError, RuntimeError) as error:
        log.warning("flash_attention_unusable", error=str(error))
        return None
