"""A checkpoint folder becomes a model on the device and in the precision that suit the machine."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog
import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.utils import logging as transformers_logging

from bot.checkpoint import context_of
from bot.checkpoints.files import plain_names
from bot.errors import ModelLoadError
from bot.generation.weights.giving_back import release
from bot.generation.weights.headers import read_headers, stored_dtype
from bot.generation.weights.mapped import StoredFiles
from bot.generation.weights.packed import PackedLinear, can_pack, own_parameters, swap_linears
from bot.generation.weights.placement import Plan, count_parameters, layer_devices, make_plan
from bot.generation.weights.probe import probe
from bot.generation.weights.quantisation import Int8Linear, is_own
from bot.generation.weights.reading import read_model

log = structlog.get_logger(__name__)

TRANSLATED = (OSError, ValueError, RuntimeError, ImportError, KeyError, AttributeError, TypeError)
"""What transformers, safetensors and torch raise for a checkpoint that they cannot load."""


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model ready to generate, and what the rest of this room must know of it.

    `context` counts prompt and answer together. Tokens go in and logits come out on `device`;
    layer i computes on `layer_devices[i]`, in `dtype`. `precision` is how the weights are stored:
    a dtype's name, nf4 or int8. `bad_words` are sequences of tokens that must not be generated.
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
    bad_words: tuple[tuple[int, ...], ...] = ()


def load(
    path: Path, *, device: str = "auto", dtype: str = "auto", quantisation: str = "none"
) -> LoadedModel:
    """Load a local checkpoint in the layout of `save_pretrained`, safetensors only.

    `device` is auto, cpu, cuda, cuda:N, mps or balanced, which shares the layers among all CUDA
    devices. `dtype` is auto, float32, bfloat16 or float16: what is computed in, and how weights
    are stored unless `quantisation` is nf4 or int8. Takes seconds to minutes: call it off the
    event loop. ModelLoadError says what to do.
    """
    files = _weights(path)
    plan = make_plan(count_parameters(files), device=device, dtype=dtype, quantisation=quantisation)
    log.info(
        "model_loading",
        path=str(path),
        gigabytes=round(sum(file.stat().st_size for file in files) / 1e9, 2),
        device=plan.place,
        dtype=str(plan.dtype).removeprefix("torch."),
        precision=plan.precision,
    )
    started = time.monotonic()
    stored = StoredFiles(files) if plan.device.type == "cpu" else None
    model = _load_model(path, stored, plan, _loading_dtype(files, plan))
    parameters = model.num_parameters()
    _prepare(model, path, stored, plan)
    loaded = _describe(model, path, plan)
    probe(
        model,
        loaded.device,
        loaded.vocab_size,
        layer_devices=loaded.layer_devices,
        exact=plan.quantisation == "none",
    )
    release()  # what was needed to load, and quantising needs much
    log.info(
        "model_loaded",
        parameters=parameters,
        context=loaded.context,
        seconds=round(time.monotonic() - started, 1),
    )
    return loaded


def _weights(path: Path) -> list[Path]:
    """The safetensors files of a checkpoint folder; ModelLoadError if they are not all there."""
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
        return plain_names(content["weight_map"].values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelLoadError(f"{index} cannot be read; download it again: {error}") from error


def _about_missing(path: Path, missing: list[str]) -> str:
    if any(path.glob("*.bin")) or any(path.glob("*.pth")):
        return (
            f"{path} holds its weights in pickle files, which can run code and are not loaded; "
            "convert them to safetensors"
        )
    return f"{path} lacks {', '.join(missing[:3])}; the download is not complete, repeat it"


def _loading_dtype(files: list[Path], plan: Plan) -> torch.dtype:
    """What transformers loads in: if we pack it, what is stored, as that is mapped, not copied."""
    return (_packs(plan) and stored_dtype(read_headers(files))) or plan.dtype


def _packs(plan: Plan) -> bool:
    """Whether all linear layers are replaced by ours, so that nothing need stay as it is read."""
    if plan.device.type != "cpu" or not can_pack(plan.dtype):
        return False
    return plan.quantisation == "none" or is_own(plan)


def _load_model(
    path: Path, stored: StoredFiles | None, plan: Plan, dtype: torch.dtype
) -> PreTrainedModel:
    transformers_logging.disable_progress_bar()
    try:
        model: PreTrainedModel = read_model(path, stored, plan, dtype)
    except torch.OutOfMemoryError as error:
        raise ModelLoadError(_about_memory(path, plan)) from error
    except TRANSLATED as error:
        raise _translated(error, path, plan) from error
    return model


def _prepare(model: PreTrainedModel, path: Path, stored: StoredFiles | None, plan: Plan) -> None:
    """On a CPU, replace the linear layers by ours, which compute up to twice as fast."""
    if stored is None or not can_pack(plan.dtype):
        return
    head: Any = model.get_output_embeddings()

    def make(linear: nn.Linear) -> nn.Module:
        quantised = is_own(plan) and linear is not head
        return (Int8Linear if quantised else PackedLinear)(linear, plan.dtype)

    try:
        swap_linears(model, make, stored.drop)
        own_parameters(model, model.dtype, plan.dtype)
        stored.drop()
    except TRANSLATED as error:
        raise _translated(error, path, plan) from error


def _describe(model: PreTrainedModel, path: Path, plan: Plan) -> LoadedModel:
    config: Any = model.config.get_text_config()
    generation: Any = model.generation_config
    eos = generation.eos_token_id if generation is not None else config.eos_token_id
    embeddings: Any = model.get_input_embeddings()
    most = config.max_position_embeddings  # some architectures call it otherwise in their files
    return LoadedModel(
        model=model,
        path=path,
        device=embeddings.weight.device,
        dtype=plan.dtype,
        context=context_of(config.to_dict() | {"max_position_embeddings": most}),
        eos_ids=frozenset([] if eos is None else [eos] if isinstance(eos, int) else eos),
        vocab_size=embeddings.num_embeddings,
        layer_devices=_layer_devices(model, plan),
        precision=plan.precision,
        bad_words=_bad_words(generation, path),
    )


def _bad_words(generation: Any, path: Path) -> tuple[tuple[int, ...], ...]:
    words = getattr(generation, "bad_words_ids", None) or []
    try:
        if all(words):
            return tuple(tuple(int(token) for token in word) for word in words)
    except (TypeError, ValueError):
        pass  # told below
    raise ModelLoadError(
        f"{path}: bad_words_ids in its generation_config.json must be lists of ids"
    )


def _layer_devices(model: PreTrainedModel, plan: Plan) -> tuple[torch.device, ...]:
    count: int = model.config.get_text_config().num_hidden_layers
    if len(plan.devices) == 1:
        return (plan.device,) * count
    lists = [(n, m) for n, m in model.named_modules() if isinstance(m, nn.ModuleList)]
    name = next((name for name, layers in lists if len(layers) == count), "")
    placed: dict[str, Any] = getattr(model, "hf_device_map", None) or {"": plan.device}
    return layer_devices(placed, [f"{name}.{at}" for at in range(count)])


def _translated(error: Exception, path: Path, plan: Plan) -> ModelLoadError:
    if "allocate memory" in str(error) or "dispatched on the CPU or the disk" in str(error):
        return ModelLoadError(_about_memory(path, plan))
    return ModelLoadError(f"{path} cannot be loaded: {_first_line(error)}")


def _about_memory(path: Path, plan: Plan) -> str:
    return (
        f"{path} does not fit into the memory of {plan.place}; choose a smaller model, "
        'quantisation "int8" or "nf4", dtype bfloat16 or float16, or another device'
    )


def _first_line(error: BaseException) -> str:
    words = str(error).strip().splitlines()
    return f"{type(error).__name__}: {words[0] if words else 'no reason given'}"
