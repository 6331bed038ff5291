"""Whether decoding is recorded, for this model on this device."""

from __future__ import annotations

from typing import Any

import structlog

from bot.generation.graphs.recording import CudaRecorder, Recorder, Unrecorded
from bot.generation.weights.loading import LoadedModel

log = structlog.get_logger(__name__)


def choose_recorder(loaded: LoadedModel, *, wanted: bool | None = None) -> Recorder | None:
    """None where it is not possible or not wanted; unless it is said, it is wanted on CUDA.

    Elsewhere the same steps may be computed without being recorded.
    """
    cuda = loaded.device.type == "cuda"
    if not (cuda if wanted is None else wanted):
        return None
    if obstacle := _obstacle(loaded):
        log.info("decoding_is_not_recorded", reason=obstacle)
        return None
    return CudaRecorder(loaded.device) if cuda else Unrecorded()


def _obstacle(loaded: LoadedModel) -> str:
    if any(device != loaded.device for device in loaded.layer_devices):
        return "the model lies on several devices"
    if loaded.device.type == "cuda" and (loaded.precision == "int8" or _stored_in_8_bits(loaded)):
        return "bitsandbytes looks at the numbers of int8 layers on the way"
    return ""


def _stored_in_8_bits(loaded: LoadedModel) -> bool:
    """Whether the checkpoint itself was saved so, whatever was asked for."""
    config: Any = loaded.model.config
    stored = getattr(config, "quantization_config", None) or {}
    if isinstance(stored, dict):
        return bool(stored.get("load_in_8bit"))
    return bool(getattr(stored, "load_in_8bit", False))
