"""Which tensors a checkpoint's configuration asks for, without any memory for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.conversion_mapping import get_checkpoint_conversion_mapping

from bot.errors import ModelLoadError

Shapes = dict[str, tuple[int, ...]]
TRANSLATED = (OSError, ValueError, RuntimeError, ImportError, KeyError, AttributeError, TypeError)


def expected_shapes(path: Path) -> Shapes | None:
    """Name and shape of every tensor; None where they cannot be told from the configuration.

    That is so where weights are stored quantised, or in another layout than the model's own.
    ModelLoadError if transformers does not know the architecture.
    """
    try:
        config: Any = AutoConfig.from_pretrained(
            path, local_files_only=True, trust_remote_code=False
        )
        if getattr(config, "quantization_config", None):
            return None
        if get_checkpoint_conversion_mapping(config.model_type):
            return None
        with torch.device("meta"):
            model: Any = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    except TRANSLATED as error:
        words = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise ModelLoadError(
            f"no model can be made from {path / 'config.json'}: {words}"
        ) from error
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    if config.tie_word_embeddings:  # one tensor with two names; files hold the other one
        shapes.pop("lm_head.weight", None)
    return shapes
