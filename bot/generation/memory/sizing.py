"""How much memory there is for keys and values, beside the model and whatever else is there."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import structlog
import torch

from bot.errors import ModelLoadError
from bot.generation.memory.contiguous import ContiguousMemory
from bot.generation.memory.kernels import Kernels, choose_kernels
from bot.generation.memory.key_value import SPARE, KeyValueMemory, KeyValueShape, Limits
from bot.generation.memory.paged import PagedMemory
from bot.generation.memory.paged_packing import LENGTHS, ROWS, bucket
from bot.generation.weights.loading import LoadedModel
from bot.generation.weights.machine import available_memory

log = structlog.get_logger(__name__)

SHARE = {"cuda": 0.85, "cpu": 0.6}
"""Of the free memory; the rest is for what a forward needs, and on a CPU for everybody else."""
LEAST_CONTEXT = 256
SLOTS = 256
"""Conversations that may be retained; each of them costs nothing but what it holds."""


@dataclass(frozen=True, slots=True)
class Size:
    """`running` conversations at a time, `slots` retained or running, `limits` for all of them."""

    slots: int
    running: int
    limits: Limits

    @property
    def context(self) -> int:
        """Tokens that one conversation may have."""
        return self.limits.context


def fit(*, tokens: int, max_batch: int, context: int) -> Size:
    """Share out room for this many tokens: the context must fit once, all else is shared."""
    if tokens < min(LEAST_CONTEXT, context) + SPARE:
        raise ModelLoadError(
            f"beside the model there is memory for {max(tokens, 0)} tokens only; "
            "choose a smaller model"
        )
    length = min(context, tokens - SPARE)
    slots = max(SLOTS, 2 * max_batch)
    most = slots * (length + SPARE)
    return Size(slots=slots, running=max_batch, limits=Limits(min(tokens, most), length))


def make_memory(
    loaded: LoadedModel,
    *,
    max_batch: int,
    most_bytes: int | None = None,
    paged: bool | None = None,
    attention: str = "auto",
) -> tuple[Size, KeyValueMemory]:
    """Memory for the model's keys and values, sized for this machine; allocates nothing yet.

    `most_bytes` bounds it further. It is paged on a GPU and where layers lie on several devices;
    `attention` then names the kernels: auto, flash or gathered.
    """
    shape = KeyValueShape.of(loaded.model.config.get_text_config())
    devices = loaded.layer_devices
    layers = Counter(devices)
    if paged is None:
        paged = loaded.device.type == "cuda" or len(layers) > 1
    kernels: Kernels | None = None
    if paged:
        kernels = choose_kernels(loaded.device, loaded.dtype, shape.head_dim, wanted=attention)
    rows = bucket(max_batch, ROWS) if kernels is not None and kernels.gathers else 0
    one = shape.bytes_per_token(loaded.dtype)
    room = min(
        _tokens(device, count, one // len(devices), rows, loaded.context)
        for device, count in layers.items()
    )
    most = room if most_bytes is None else min(room, int(most_bytes) // one)
    size = fit(tokens=most, max_batch=max_batch, context=loaded.context)
    if size.context < loaded.context:
        log.warning("memory_is_short", context=size.context, model_context=loaded.context)
    tokens = size.limits.tokens
    log.info("memory_sized", tokens=tokens, gigabytes=round(tokens * one / 1e9, 2))
    if kernels is not None:
        return size, PagedMemory(
            shape, size.limits, devices=devices, dtype=loaded.dtype, kernels=kernels
        )
    (device,) = layers
    return size, ContiguousMemory(shape, size.limits, device=device, dtype=loaded.dtype)


def _tokens(device: torch.device, layers: int, each: int, rows: int, context: int) -> int:
    """Tokens for which a device has room in so many layers, with `each` bytes in one of them.

    Where kernels gather, `rows` conversations as long as the longest are copied in one layer at a
    time. That copy may be in the share which is left free.
    """
    free = available_memory(device)
    shared = free * SHARE.get(device.type, SHARE["cpu"]) / (layers * each)
    beside_whole = (free - rows * bucket(context, LENGTHS) * each) / (layers * each)
    beside_shorter = free / ((layers + rows) * each)  # the longest is what there is room for
    return int(min(shared, max(beside_whole, beside_shorter)))
