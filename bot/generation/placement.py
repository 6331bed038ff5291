"""Which device and which precision a checkpoint is loaded with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open

from bot.errors import ModelLoadError
from bot.generation.machine import available_memory, has_native_bf16

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
SMALL = 500_000_000
"""Parameters up to which a CPU computes quickly enough in fp32, which is the exact choice."""
NATIVE_BF16 = (8, 0)
"""The compute capability from which a CUDA device multiplies bf16 itself (a T4 has 7.5)."""


def choose_device(name: str) -> torch.device:
    """The named device, or for `auto` the best there is; ModelLoadError if it is not there."""
    if name == "auto":
        return _best_device()
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelLoadError(
            f"unknown device {name!r}: use auto, cpu, cuda, cuda:N, mps"
        ) from error
    if device.type == "cuda":
        return _cuda(device)
    if device.type == "mps" and torch.backends.mps.is_available():
        return device
    if device.type == "cpu":
        return device
    raise ModelLoadError(f"device {name!r} is not available here; set device to auto or cpu")


def choose_dtype(name: str, device: torch.device, weights: Sequence[Path]) -> torch.dtype:
    """The named precision, or for `auto` the best that the device computes natively."""
    if name in DTYPES:
        return DTYPES[name]
    if name != "auto":
        raise ModelLoadError(f"unknown dtype {name!r}: use auto, {', '.join(DTYPES)}")
    if device.type == "cuda":
        native = torch.cuda.get_device_capability(device) >= NATIVE_BF16
        return torch.bfloat16 if native else torch.float16
    if device.type == "mps":
        return torch.float16
    return _cpu_dtype(count_parameters(weights), available_memory(device))


def count_parameters(weights: Sequence[Path]) -> int:
    """Numbers in the safetensors files, read from their headers alone."""
    try:
        return sum(map(_count, weights))
    except (OSError, SafetensorError) as error:
        raise ModelLoadError(f"{error}: a weight file is damaged; download it again") from error


def _best_device() -> torch.device:
    if torch.cuda.is_available():
        return torch.device("cuda", 0)
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def _cuda(device: torch.device) -> torch.device:
    if not torch.cuda.is_available():
        raise ModelLoadError(
            "no CUDA device is usable: see that nvidia-smi works and that the CUDA build of torch "
            "is installed, or set device to cpu"
        )
    if (device.index or 0) >= torch.cuda.device_count():
        raise ModelLoadError(f"{device} is not there: {torch.cuda.device_count()} CUDA devices are")
    return torch.device("cuda", device.index or 0)


def _cpu_dtype(parameters: int, memory: int) -> torch.dtype:
    fits = parameters * torch.float32.itemsize < 0.7 * memory
    if fits and (parameters <= SMALL or not has_native_bf16()):
        return torch.float32
    return torch.bfloat16


def _count(file: Path) -> int:
    with safe_open(file, framework="pt") as tensors:
        return sum(math.prod(tensors.get_slice(key).get_shape()) for key in tensors.keys())  # noqa: SIM118 -- not a dict
