"""Numbers from the host to a device without waiting for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


def send(
    numbers: Sequence[Any], device: torch.device, *, dtype: torch.dtype = torch.int64
) -> Tensor:
    """A tensor of these numbers on the device; the host goes on before they have arrived.

    A CUDA device copies from pinned memory, which torch keeps until the copy is done and then
    uses again. Pageable memory would be copied with the host waiting.
    """
    return to_device(torch.tensor(numbers, dtype=dtype), device)


def selection(rows: Sequence[int], devices: Sequence[torch.device]) -> Tensor | list[int]:
    """Rows of a model's last hidden state, as it takes them for `logits_to_keep`.

    Of layers on several `devices` the last state lies on the last one, and a tensor given to the
    model is moved to the first; numbers stay as they are until torch makes the index of them.
    """
    several = any(device != devices[0] for device in devices)
    return list(rows) if several else send(rows, devices[0])


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """The CPU's tensor on the device, likewise."""
    if device.type != "cuda":
        return tensor.to(device)
    return tensor.pin_memory().to(device, non_blocking=True)
