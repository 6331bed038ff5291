"""A short trial of a loaded model: its answer through our attention must be its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from bot.errors import ModelLoadError
from bot.generation.attention import Span, attach
from bot.generation.memory.key_value import KeyValueShape, Limits
from bot.generation.memory.paged import PagedMemory
from bot.generation.transfer import selection

LENGTHS = (7, 4, 1)
"""A beginning, a continuation, one token: the three ways through our attention."""
COARSE = 0.15
TOLERANCE = {torch.float32: 1e-3, torch.float16: 0.05, torch.bfloat16: COARSE}
"""Of the largest logit; what is lacking of an architecture shows far above rounding."""


@torch.inference_mode()
def probe(
    model: PreTrainedModel,
    device: torch.device,
    vocab_size: int,
    *,
    layer_devices: Sequence[torch.device] = (),
    exact: bool = True,
) -> None:
    """Raise ModelLoadError for an architecture whose attention we do not do justice to.

    Without `layer_devices` all layers compute on `device`. `exact` says that they round no more
    than the model's dtype does, which quantised layers do.
    """
    config: Any = model.config.get_text_config()
    devices = layer_devices or [device] * config.num_hidden_layers
    ids = torch.tensor([[at * 7919 % vocab_size for at in range(1, 1 + sum(LENGTHS))]]).to(device)
    name = type(model).__name__
    try:
        own = _own_logits(model, ids)
        ours = _our_logits(model, ids, devices)
    except torch.OutOfMemoryError as error:
        raise ModelLoadError(f"the model leaves no memory to compute with on {device}") from error
    except Exception as error:
        raise ModelLoadError(f"the architecture {name} is not supported: {error}") from error
    if not bool(torch.isfinite(own).all()):
        raise ModelLoadError(f"the model computes no finite numbers in {model.dtype}; set dtype")
    apart = float((own - ours).abs().max() / own.abs().max().clamp(min=1e-6))
    if not apart <= (TOLERANCE.get(model.dtype, COARSE) if exact else COARSE):
        raise ModelLoadError(
            f"the architecture {name} is not supported: its attention differs from Llama's"
        )


def _own_logits(model: Any, ids: Tensor) -> Tensor:
    model.set_attn_implementation("eager")  # the only one that knows every peculiarity
    logits: Tensor = model(input_ids=ids, use_cache=False, logits_to_keep=1).logits
    return logits[0, -1].float()


def _our_logits(model: Any, ids: Tensor, devices: Sequence[torch.device]) -> Tensor:
    attach(model)
    shape, limits = KeyValueShape.of(model.config.get_text_config()), Limits(64, ids.shape[1])
    memory = PagedMemory(shape, limits, devices=devices, dtype=model.dtype)
    memory.reserve(0, ids.shape[1])
    start = 0
    for length in LENGTHS:
        packing = memory.packing([Span(0, start, length)])
        part = ids[:, start : start + length]
        logits: Tensor = model(
            input_ids=part,
            position_ids=packing.positions[None],
            use_cache=False,
            logits_to_keep=selection([length - 1], devices),  # as the runner gives it
            packing=packing,
        ).logits
        start += length
    return logits[0, -1].float()
