"""A checkpoint folder becomes a model on the device and in the precision that suit the machine."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import torch
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging as transformers_logging

from bot.errors import ModelLoadError
from bot.generation.placement import choose_device, choose_dtype
from bot.generation.probe import probe

log = structlog.get_logger(__name__)

TRANSLATED = (OSError, ValueError, RuntimeError, ImportError, KeyError, AttributeError, TypeError)
"""What transformers, safetensors and torch raise for a checkpoint that they cannot load."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to generate, and what the rest of this room must know of it.

    `context` counts prompt and answer together. Tokens go in and logits come out on `device`;
    layer i computes on `layer_devices[i]`, in `dtype`. `precision` is how the weights are stored:
    a dtype's name, nf4 or int8.
    """

    model: PreTrainedModel
    path: Path
    device: torch.device
    dtype: torch.dtype
    context: int
    eos_ids: frozenset[int]
    vocab_size: int
    layer_devices: tuple[torch.device, ...]
    precision: str


def load(path: Path, *, device: str = "auto", dtype: str = "auto") -> LoadedModel:
    """Load a local checkpoint in the layout of `save_pretrained`, safetensors only.

    `device` is auto, cpu, cuda, cuda:N or mps; `dtype` is auto, float32, bfloat16 or float16.
    Takes seconds to minutes: call it off the event loop. ModelLoadError says what to do.
    """
    files = _weights(path)
    size = sum(file.stat().st_size for file in files)
    where = choose_device(device)
    precision = choose_dtype(dtype, where, files)
    log.info(
        "model_loading",
        path=str(path),
        gigabytes=round(size / 1e9, 2),
        device=str(where),
        dtype=str(precision).removeprefix("torch."),
    )
    started = time.monotonic()
    model = _load_model(path, where, precision)
    loaded = _describe(model, path, where, precision)
    probe(model, where, loaded.vocab_size)
    log.info(
        "model_loaded",
        parameters=model.num_parameters(),
        context=loaded.context,
        seconds=round(time.monotonic() - started, 1),
    )
    return loaded


def _weights(path: Path) -> list[Path]:
    if not path.is_dir():
        raise ModelLoadError(f"{path} is not a folder; set the model to a checkpoint's folder")
    if not (path / "config.json").is_file():
        raise ModelLoadError(f"{path} holds no config.json, so it is not a checkpoint's folder")
    index = path / "model.safetensors.index.json"
    names = _shards(index) if index.is_file() else ["model.safetensors"]
    if missing := [name for name in names if not (path / name).is_file()]:
        raise ModelLoadError(_about_missing(path, missing))
    return [path / name for name in names]


def _shards(index: Path) -> list[str]:
    try:
        content = json.loads(index.read_text(encoding="utf-8"))
        return sorted(set(content["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ModelLoadError(f"{index} cannot be read; download it again: {error}") from error


def _about_missing(path: Path, missing: list[str]) -> str:
    if any(path.glob("*.bin")) or any(path.glob("*.pth")):
        return (
            f"{path} holds its weights in pickle files, which can run code and are not loaded; "
            "convert them to safetensors"
        )
    return f"{path} lacks {', '.join(missing[:3])}; the download is not complete, repeat it"


def _load_model(path: Path, device: torch.device, dtype: torch.dtype) -> PreTrainedModel:
    transformers_logging.disable_progress_bar()
    try:
        config = AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=False)
        # Typed as a model alone; with output_loading_info it is a pair.
        pair: Any = AutoModelForCausalLM.from_pretrained(
            path,
            config=config,
            dtype=dtype,
            device_map={"": device},
            use_safetensors=True,
            local_files_only=True,
            trust_remote_code=False,
            attn_implementation="eager",  # known to every architecture; ours comes after
            output_loading_info=True,
        )
    except torch.OutOfMemoryError as error:
        raise ModelLoadError(_about_memory(path, device)) from error
    except TRANSLATED as error:
        if "allocate memory" in str(error):
            raise ModelLoadError(_about_memory(path, device)) from error
        raise ModelLoadError(f"{path} cannot be loaded: {_first_line(error)}") from error
    model, report = pair
    if lacking := report["missing_keys"]:
        raise ModelLoadError(f"{path} lacks weights that its model needs: {sorted(lacking)[:3]}")
    loaded: PreTrainedModel = model.eval()
    return loaded


def _describe(
    model: PreTrainedModel, path: Path, device: torch.device, dtype: torch.dtype
) -> LoadedModel:
    config: Any = model.config.get_text_config()
    generation: Any = model.generation_config
    eos = generation.eos_token_id if generation is not None else config.eos_token_id
    embeddings: Any = model.get_input_embeddings()
    window = getattr(config, "sliding_window", None)
    return LoadedModel(
        model=model,
        path=path,
        device=device,
        dtype=dtype,
        # Within its window a model that slides over its context attends like any other.
        context=min(config.max_position_embeddings, window or config.max_position_embeddings),
        eos_ids=frozenset([] if eos is None else [eos] if isinstance(eos, int) else eos),
        vocab_size=embeddings.num_embeddings,
        layer_devices=(device,) * config.num_hidden_layers,
        precision=str(dtype).removeprefix("torch."),
    )


def _about_memory(path: Path, device: torch.device) -> str:
    return (
        f"{path} does not fit into the memory of {device}; choose a smaller model, "
        "dtype bfloat16 or float16, or another device"
    )


def _first_line(error: BaseException) -> str:
    words = str(error).strip().splitlines()
    return f"{type(error).__name__}: {words[0] if words else 'no reason given'}"
