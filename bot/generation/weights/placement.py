"""Which device, which type to compute in and which precision a checkpoint is loaded with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bot.errors import ModelLoadError
from bot.generation.weights.headers import read_headers
from bot.generation.weights.machine import available_memory, has_native_bf16, total_memory

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
QUANTISATIONS = ("none", "nf4", "int8")
BALANCED = "balanced"
"""The name for all CUDA devices together, each with a share of the layers."""
SMALL = 500_000_000
"""Parameters up to which a CPU computes quickly enough in fp32, which is the exact choice."""
NF4_CPU_ROWS, NF4_CPU_BLOCK = 32, 64
"""What rows and width of a weight must divide by for bitsandbytes' nf4 kernel on a CPU."""
NATIVE_BF16 = (8, 0)
"""The compute capability from which a CUDA device multiplies bf16 itself (a T4 has 7.5)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a checkpoint is loaded: tokens enter at the first of `devices`, `dtype` is computed in.

    Several devices share the layers among them.
    """

    devices: tuple[torch.device, ...]
    dtype: torch.dtype
    quantisation: str = "none"

    @property
    def device(self) -> torch.device:
        """Where tokens go in and logits come out."""
        return self.devices[0]

    @property
    def precision(self) -> str:
        """How the weights of the layers are stored: a dtype's name, nf4 or int8."""
        if self.quantisation != "none":
            return self.quantisation
        return str(self.dtype).removeprefix("torch.")

    @property
    def device_map(self) -> str | dict[str, torch.device]:
        """What transformers is told."""
        return BALANCED if len(self.devices) > 1 else {"": self.device}

    @property
    def place(self) -> str:
        """The device or devices, for a person."""
        return str(self.device) if len(self.devices) == 1 else f"{len(self.devices)} CUDA devices"

    def quantises(self, shape: Sequence[int]) -> bool:
        """Whether a linear layer's weight of that shape is stored in fewer bits."""
        if self.quantisation == "nf4" and self.device.type == "cpu":
            return shape[0] % NF4_CPU_ROWS == 0 and shape[1] % NF4_CPU_BLOCK == 0
        return self.quantisation != "none"

    def available_memory(self) -> int:
        """Bytes that may still be allocated on all of the devices together."""
        return sum(map(available_memory, self.devices))

    def total_memory(self) -> int:
        """Bytes that all of the devices have together, whoever uses them."""
        return sum(map(total_memory, self.devices))


def make_plan(
    parameters: int,
    *,
    device: str = "auto",
    dtype: str = "auto",
    quantisation: str = "none",
) -> Plan:
    """Settle for so many parameters what is left to be chosen.

    ModelLoadError for what this machine cannot do.
    """
    first = choose_device(device)
    if quantisation not in QUANTISATIONS:
        raise ModelLoadError(
            f"unknown quantisation {quantisation!r}: use {', '.join(QUANTISATIONS)}"
        )
    if quantisation != "none" and first.type not in {"cuda", "cpu"}:
        raise ModelLoadError(
            f"quantisation {quantisation} is not available on {first.type}; set it to none"
        )
    together = range(torch.cuda.device_count()) if device == BALANCED else ()
    devices = tuple(torch.device("cuda", at) for at in together) or (first,)
    return Plan(devices, choose_dtype(dtype, first, parameters, quantisation), quantisation)


def choose_device(name: str) -> torch.device:
    """The named device, or for `auto` the best there is; ModelLoadError if it is not there."""
    if name == "auto":
        return _best_device()
    if name == BALANCED:
        return _cuda(torch.device("cuda", 0))
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelLoadError(
            f"unknown device {name!r}: use auto, cpu, cuda, cuda:N, mps, {BALANCED}"
        ) from error
    if device.type == "cuda":
        return _cuda(device)
    if device.type == "mps" and torch.backends.mps.is_available():
        return device
    if device.type == "cpu":
        return device
    raise ModelLoadError(f"device {name!r} is not available here; set device to auto or cpu")


def choose_dtype(
    name: str, device: torch.device, parameters: int, quantisation: str = "none"
) -> torch.dtype:
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
    if quantisation != "none":
        return torch.bfloat16 if has_native_bf16() else torch.float32
    return _cpu_dtype(parameters, available_memory(device))


def count_parameters(weights: Sequence[Path]) -> int:
    """Numbers in the safetensors files, read from their headers alone."""
    return sum(header.numbers for header in read_headers(weights))


def layer_devices(device_map: Mapping[str, Any], layers: Sequence[str]) -> tuple[torch.device, ...]:
    """Where each of the named layers computes, by the innermost of its names in a device map.

    ModelLoadError if one of them was sent to the disk or, beside a GPU, to the CPU: that would
    load its weights anew for every token.
    """
    places = {name: _device(where) for name, where in device_map.items()}
    kinds = {place.type for place in places.values()}
    if "disk" in map(str, device_map.values()) or kinds > {"cpu"} or "meta" in kinds:
        raise ModelLoadError(
            "the model does not fit into the memory of the CUDA devices together; "
            'choose a smaller one, or set quantisation to "nf4" or "int8"'
        )
    return tuple(_innermost(places, layer) for layer in layers)


def _innermost(places: Mapping[str, torch.device], layer: str) -> torch.device:
    parts = layer.split(".")
    for length in range(len(parts), -1, -1):
        if (name := ".".join(parts[:length])) in places:
            return places[name]
    raise ModelLoadError(f"the device map does not say where {layer} is")


def _device(where: Any) -> torch.device:
    """Device maps hold numbers of CUDA devices, names and devices."""
    if isinstance(where, int):
        return torch.device("cuda", where)
    device = torch.device("meta" if where == "disk" else where)
    return torch.device("cuda", device.index or 0) if device.type == "cuda" else device


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
