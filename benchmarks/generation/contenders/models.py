"""The model as transformers alone loads it, for every contender but Quipu and vLLM."""

from __future__ import annotations

import os
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForCausalLM, BitsAndBytesConfig, PreTrainedModel
from transformers.utils import logging as transformers_logging

from benchmarks.generation.contenders.setting import Setting
from benchmarks.generation.shapes import SEED, SHAPES


def open_model(setting: Setting) -> PreTrainedModel:
    """The checkpoint; a large shape is made on the device, the same weights every time."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    torch.set_num_threads(setting.threads)
    if SHAPES[setting.shape].large:
        return made_on_device(setting)
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        setting.path,
        dtype=getattr(torch, setting.dtype),
        device_map={"": setting.device},
        local_files_only=True,
        **_quantisation(setting),
    )
    model.eval()
    return model


def made_on_device(setting: Setting) -> PreTrainedModel:
    """Random weights, drawn on the device itself."""
    config = AutoConfig.from_pretrained(setting.path, local_files_only=True)
    torch.manual_seed(SEED)
    with torch.device(setting.device):
        model: PreTrainedModel = AutoModelForCausalLM.from_config(
            config, dtype=getattr(torch, setting.dtype)
        )
    model.eval()
    return model


def weight_bytes(model: torch.nn.Module) -> int:
    """What parameters and buffers take."""
    tensors = [*model.parameters(), *model.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _quantisation(setting: Setting) -> dict[str, Any]:
    if setting.quantisation == "none":
        return {}
    if setting.quantisation == "int8":
        return {"quantization_config": BitsAndBytesConfig(load_in_8bit=True)}
    nf4 = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=getattr(torch, setting.dtype),
    )
    return {"quantization_config": nf4}
