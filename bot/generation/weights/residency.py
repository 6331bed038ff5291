"""The memory that several models compete for, and what one needs of it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import torch

from bot.generation.memory.sizing import LEAST_CONTEXT, SHARE
from bot.generation.weights.fit import Fit, fit
from bot.generation.weights.machine import available_memory

CONTENT = 4096
"""Tokens of context (Llama 2's) with which a model is content rather than send another one away."""


def demand(
    path: Path,
    *,
    device: str,
    dtype: str,
    quantisation: str,
    context: int | None,
    share: float | None,
) -> tuple[frozenset[str], int, int, int]:
    """The devices that a model takes memory of; the bytes it needs, those free, and all there are.

    It needs its weights and one conversation of `context` tokens within its `share` of the rest, or
    of `CONTENT` tokens if no more is free; where the devices could never give that, all they have,
    if it can answer at all.
    """
    found = fit(path, device=device, dtype=dtype, quantisation=quantisation, context=context)
    devices = found.plan.devices
    total = found.plan.total_memory()
    most = SHARE.get(found.plan.device.type, SHARE["cpu"])
    own = min(share or most, most)
    whole = _needs(found, found.context, own)
    modest = _needs(found, min(CONTENT, found.context), own)
    least = _needs(found, min(LEAST_CONTEXT, found.context), most)
    needs = modest if modest <= found.free < whole else min(whole, total)
    return frozenset(map(_name, devices)), least if least > total else needs, found.free, total


def free_memory(devices: Collection[torch.device]) -> int:
    """Bytes that may still be allocated on these devices together."""
    return sum(map(available_memory, set(devices)))


def _needs(found: Fit, tokens: int, share: float) -> int:
    held = tokens * found.per_token
    return found.weights + max(held + found.working, int(held / share))


def _name(device: torch.device) -> str:
    """The same device has the same name, with a number or without."""
    name = str(device)
    return f"cuda:{torch.cuda.current_device()}" if name == "cuda" else name
