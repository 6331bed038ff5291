"""The memory that several models compete for, and what one needs of it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import torch

from bot.generation.memory.sizing import LEAST_CONTEXT, SHARE
from bot.generation.weights.fit import Fit, fit
from bot.generation.weights.machine import available_memory


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

    It needs its weights and one conversation of `context` tokens within its `share` of the rest;
    where the devices could never give that, all they have, if it can answer at all.
    """
    found = fit(path, device=device, dtype=dtype, quantisation=quantisation, context=context)
    devices = found.plan.devices
    total = found.plan.total_memory()
    most = SHARE.get(found.plan.device.type, SHARE["cpu"])
    whole = _needs(found, found.context, min(share or most, most))
    least = _needs(found, min(LEAST_CONTEXT, found.context), most)
    needs = least if least > total else min(whole, total)
    return frozenset(map(_name, devices)), needs, found.free, total


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
