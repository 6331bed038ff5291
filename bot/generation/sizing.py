"""How many slots there are, and how long, in the memory that is left beside the model."""

from __future__ import annotations

from dataclasses import dataclass

import structlog
import torch

from bot.errors import ModelLoadError
from bot.generation.loading import LoadedModel
from bot.generation.machine import available_memory
from bot.generation.memory import KeyValueMemory, KeyValueShape

log = structlog.get_logger(__name__)

SHARE = {"cuda": 0.85, "cpu": 0.6}
"""Of the free memory; the rest is for what a forward needs, and on a CPU for everybody else."""
LEAST_CONTEXT = 256


@dataclass(frozen=True, slots=True)
class Size:
    """`running` conversations at a time; the slots beyond that retain earlier ones."""

    slots: int
    running: int
    context: int


def fit(*, tokens: int, max_batch: int, context: int) -> Size:
    """Share out room for this many tokens: full length first, then as many slots as fit."""
    if tokens < min(LEAST_CONTEXT, context):
        raise ModelLoadError(
            f"beside the model there is memory for {tokens} tokens only; choose a smaller model"
        )
    length = min(context, tokens)
    slots = min(2 * max_batch, tokens // length)
    return Size(slots=slots, running=min(max_batch, slots), context=length)


def make_memory(loaded: LoadedModel, *, max_batch: int) -> tuple[Size, KeyValueMemory]:
    """Memory for the model's keys and values, sized for this machine; allocates nothing yet."""
    shape = KeyValueShape.of(loaded.model.config.get_text_config())
    size = fit(
        tokens=int(_room(loaded.device)) // shape.bytes_per_token(loaded.dtype),
        max_batch=max_batch,
        context=loaded.context,
    )
    if size.running < max_batch or size.context < loaded.context:
        log.warning(
            "memory_is_short",
            answers_at_once=size.running,
            wanted=max_batch,
            context=size.context,
            model_context=loaded.context,
        )
    memory = KeyValueMemory(
        shape,
        device=loaded.device,
        dtype=loaded.dtype,
        max_slots=size.slots,
        max_length=size.context,
    )
    return size, memory


def _room(device: torch.device) -> float:
    return available_memory(device) * SHARE.get(device.type, SHARE["cpu"])
