"""transformers makes a model of a checkpoint's files, in little more memory than it will take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import structlog
import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig, PreTrainedModel

from bot.errors import ModelLoadError
from bot.generation.weights.mapped import StoredFiles
from bot.generation.weights.placement import Plan
from bot.generation.weights.quantisation import bitsandbytes_config, left_whole

log = structlog.get_logger(__name__)


def read_model(path: Path, files: StoredFiles | None, plan: Plan, dtype: torch.dtype) -> Any:
    """The model of a checkpoint folder, with its weights loaded in `dtype`.

    Given `files`, weights stay mapped where nothing has to be computed for them. Raises whatever
    the libraries do, and ModelLoadError for weights that the files lack.
    """
    config = AutoConfig.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    options: dict[str, Any] = {
        "dtype": dtype,
        "device_map": plan.device_map,
        "use_safetensors": True,
        "local_files_only": True,
        "trust_remote_code": False,
        "attn_implementation": "eager",  # known to every architecture; ours comes after
        "output_loading_info": True,
    }
    if files is None:
        options["quantization_config"] = bitsandbytes_config(plan)
        # Typed as a model alone; with output_loading_info it is a pair.
        pair: Any = AutoModelForCausalLM.from_pretrained(path, config=config, **options)
        model, report = pair
    else:
        model, report = _read_mapped(path, files, plan, config, options)
    if lacking := report["missing_keys"]:
        raise ModelLoadError(f"{path} lacks weights that its model needs: {sorted(lacking)[:3]}")
    return model.eval()


def _read_mapped(
    path: Path, files: StoredFiles, plan: Plan, config: Any, options: dict[str, Any]
) -> Any:
    """The tensors are ours, and so must be what transformers finds beside them."""
    with torch.device("meta"):
        blank: PreTrainedModel = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    whole = left_whole(blank, plan)
    options["quantization_config"] = bitsandbytes_config(plan, whole)
    if options["quantization_config"] is not None:
        _say_what_is_left(blank, whole)
    if (path / "generation_config.json").is_file():
        options["generation_config"] = GenerationConfig.from_pretrained(path, local_files_only=True)
    made: Any = type(blank)
    model, report = made.from_pretrained(
        None, config=blank.config, state_dict=files.tensors(), **options
    )
    model.config.name_or_path = str(path)
    return model, report


def _say_what_is_left(blank: nn.Module, whole: Sequence[str]) -> None:
    """The output layer is always left, and goes without saying."""
    linears = sum(isinstance(module, nn.Linear) for module in blank.modules()) - 1
    if left := len(whole) - 1:
        log.warning(
            "layers_left_unquantised",
            layers=left,
            of=linears,
            reason="their shapes do not suit the CPU's kernel",
        )
