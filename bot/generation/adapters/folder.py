"""One LoRA adapter as PEFT saves it: read, and checked against the model that it is to change."""

from __future__ import annotations

import copy
import json
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import structlog
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForCausalLM

from bot.errors import ModelLoadError
from bot.extras import to_install
from bot.generation.weights.headers import read_headers
from bot.generation.weights.loading import LoadedModel

log = structlog.get_logger(__name__)

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"
PREFIX = "base_model.model."
HONOURED = frozenset(
    {
        *("peft_type", "task_type", "auto_mapping", "peft_version", "inference_mode"),
        *("base_model_name_or_path", "revision", "runtime_config", "init_lora_weights"),
        *("r", "lora_alpha", "use_rslora", "rank_pattern", "alpha_pattern"),
        *("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern"),
        # These matter in training, in merging or beside a feature that is refused by itself.
        *("lora_dropout", "fan_in_fan_out", "megatron_core", "qalora_group_size"),
        "ensure_weight_tying",
    }
)
"""Settings of PEFT that are kept; any other that is not at its default is refused by name."""
INITIAL = (True, False, None, "gaussian", "eva", "orthogonal", "mica")
"""Ways of beginning a training that leave the base model's own weights as they were."""


@dataclass(frozen=True, slots=True)
class Factors:
    """What is added to a linear layer: `x @ down.T @ up`; [rank, in] and [rank, out]."""

    down: Tensor
    up: Tensor


@dataclass(frozen=True, slots=True)
class Target:
    """A linear layer that the configuration means, and the shape that its addition must have."""

    rank: int
    scaling: float
    inputs: int
    outputs: int


def read_adapter(name: str, folder: Path, loaded: LoadedModel) -> dict[str, Factors]:
    """The adapter's additions by the name of the layer, in the model's precision, on the CPU."""
    try:
        config = _read_config(folder)
        _refuse_features(config)
        targets = _targets(config, loaded.model.config)
        for at in targets:
            _find(loaded, at)
        tensors = _read_weights(folder)
        _check_names(targets, tensors)
        factors = {at: _factors(at, one, tensors, loaded) for at, one in targets.items()}
    except ModelLoadError as error:
        raise _named(name, folder, error) from error
    if base := _other_base(config, loaded.path):
        path = str(loaded.path)
        log.warning("adapter_of_another_base", adapter=name, made_for=base, base=path)
    return factors


def examine_adapter(name: str, folder: Path, base: Path, *, whole: bool = True) -> str:
    """ModelLoadError where `read_adapter` would refuse the folder; none of its numbers are read.

    Returns the model that it was made for, if that is called otherwise than the one in `base`.
    Unless it is to be `whole` its weights need not be there yet.
    """
    try:
        config = _read_config(folder)
        _refuse_features(config)
        targets = _targets(config, _shape(base))
        if whole or (folder / WEIGHTS).is_file():
            headers = {header.name: header for header in read_headers([_weights(folder)])}
            _check_names(targets, headers)
            for at, target in targets.items():
                _check_shapes(at, target, *(headers[_key(at, half)].shape for half in "AB"))
    except ModelLoadError as error:
        raise _named(name, folder, error) from error
    return _other_base(config, base)


def _named(name: str, folder: Path, error: ModelLoadError) -> ModelLoadError:
    return ModelLoadError(f"the adapter {name!r} in {folder} cannot be used: {error}")


def _shape(base: Path) -> Any:
    try:
        return AutoConfig.from_pretrained(base, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise ModelLoadError(f"the model's own configuration is not valid: {error}") from error


def _read_config(folder: Path) -> Any:
    """PEFT's LoraConfig."""
    content = _json(folder / CONFIG)
    if (kind := content.get("peft_type")) != "LORA":
        raise ModelLoadError(f"it is of PEFT's type {kind}, and only LORA is served")
    try:
        from peft import LoraConfig, PeftConfig
    except ImportError as error:
        raise ModelLoadError(f"the library is missing: {to_install('peft')}") from error
    known = {field.name for field in fields(LoraConfig)}
    new = [key for key, value in content.items() if key not in known and _matters(value)]
    if new:
        raise ModelLoadError(
            f"a newer PEFT wrote it, with {', '.join(sorted(new))}: pip install -U peft"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # settings that it ignores, seen above
            return PeftConfig.from_pretrained(str(folder))
    except Exception as error:
        raise ModelLoadError(f"its {CONFIG} is not valid: {error}") from error


def _json(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise ModelLoadError(f"there is no {file.name}; it must be a folder that PEFT saved")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelLoadError(f"{file.name} cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise ModelLoadError(f"{file.name} is not what PEFT writes")
    return content


def _matters(value: Any) -> bool:
    """Whether a setting unknown here may switch something on; a number beside a switch does not."""
    return bool(value) and (isinstance(value, bool) or not isinstance(value, int | float))


def _refuse_features(config: Any) -> None:
    from peft import LoraConfig

    plain = LoraConfig()
    for field in fields(plain):
        value = getattr(config, field.name)
        if field.name not in HONOURED and value != getattr(plain, field.name) and value:
            raise ModelLoadError(f"it uses {field.name}, which is not supported")
    if (task := config.task_type) not in (None, "CAUSAL_LM"):
        raise ModelLoadError(f"it is made for the task {task}, not for CAUSAL_LM")
    if config.init_lora_weights not in INITIAL:
        raise ModelLoadError(
            f"init_lora_weights={config.init_lora_weights} has changed the base model's weights; "
            "have PEFT convert it to a plain LoRA when saving"
        )
    patterns = config.rank_pattern
    for rank in (config.r, *(patterns.values() if isinstance(patterns, dict) else ())):
        if not isinstance(rank, int) or rank < 1:
            raise ModelLoadError(f"its rank is {rank}, and must be 1 or more")


def _targets(config: Any, shape: Any) -> dict[str, Target]:
    """PEFT itself says which layers are meant, on a model of the same shape without weights."""
    from peft import inject_adapter_in_model
    from peft.tuners.lora import LoraLayer

    try:
        with torch.device("meta"), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on training and merging
            own = copy.deepcopy(shape)
            model = AutoModelForCausalLM.from_config(own, attn_implementation="eager")
            head = model.get_output_embeddings()
            inject_adapter_in_model(config, model, low_cpu_mem_usage=True)
    except Exception as error:
        raise ModelLoadError(f"it does not fit this base model: {error}") from error
    layers = {at: one for at, one in model.named_modules() if isinstance(one, LoraLayer)}
    for at, layer in layers.items():
        base: Any = layer.base_layer
        if not isinstance(base, nn.Linear) or base is head:
            raise ModelLoadError(
                f"it changes {at}; only the linear layers inside the model's blocks can be changed"
            )
    return {at: _target(layer) for at, layer in layers.items()}


def _target(layer: Any) -> Target:
    (rank,), (scaling,) = layer.r.values(), layer.scaling.values()
    return Target(rank, float(scaling), layer.in_features, layer.out_features)


def _find(loaded: LoadedModel, at: str) -> None:
    try:
        loaded.model.get_submodule(at)
    except AttributeError as error:
        raise ModelLoadError(f"the model as it is loaded has no layer {at}") from error


def _weights(folder: Path) -> Path:
    if not (folder / WEIGHTS).is_file():
        if any(folder.glob("*.bin")):
            raise ModelLoadError(
                "its weights are in a pickle file, which can run code and is not loaded; "
                "have PEFT save it again with safe_serialization=True"
            )
        raise ModelLoadError(f"there is no {WEIGHTS}; the download is not complete, repeat it")
    return folder / WEIGHTS


def _read_weights(folder: Path) -> dict[str, Tensor]:
    try:
        return load_file(_weights(folder))
    except (OSError, SafetensorError, ValueError) as error:
        raise ModelLoadError(f"{WEIGHTS} is damaged, get it again: {error}") from error


def _check_names(targets: Mapping[str, Target], tensors: Mapping[str, object]) -> None:
    wanted = {_key(at, half) for at in targets for half in "AB"}
    if lacking := sorted(wanted - tensors.keys()):
        raise ModelLoadError(f"{WEIGHTS} lacks {lacking[0]}, which {CONFIG} promises")
    if any(part in key for key in tensors for part in ("embed_tokens", "lm_head")):
        raise ModelLoadError(
            "it brings embeddings of its own, as it was trained with another vocabulary"
        )
    if foreign := sorted(tensors.keys() - wanted):
        raise ModelLoadError(f"{foreign[0]} in {WEIGHTS} belongs to no layer that it may change")


def _factors(
    at: str, target: Target, tensors: Mapping[str, Tensor], loaded: LoadedModel
) -> Factors:
    down, up = tensors[_key(at, "A")], tensors[_key(at, "B")]
    _check_shapes(at, target, tuple(down.shape), tuple(up.shape))
    scaled = up.float().T * target.scaling
    factors = Factors(down.to(loaded.dtype), scaled.to(loaded.dtype).contiguous())
    # One token's are computed beside another's, where 0 times infinity would not be 0.
    if not all(bool(torch.isfinite(one).all()) for one in (factors.down, factors.up)):
        raise ModelLoadError(f"its matrices for {at} hold numbers that are not finite")
    return factors


def _check_shapes(at: str, target: Target, *found: tuple[int, ...]) -> None:
    wanted = ((target.rank, target.inputs), (target.outputs, target.rank))
    if found != wanted:
        raise ModelLoadError(f"its matrices for {at} are {found}, and the base needs {wanted}")


def _key(at: str, half: str) -> str:
    return f"{PREFIX}{at}.lora_{half}.weight"


def _other_base(config: Any, path: Path) -> str:
    """The same model has many paths, so that names differ is no more than a hint."""
    made_for = str(config.base_model_name_or_path or "")
    return "" if Path(made_for).name.lower() in str(path).lower() else made_for
