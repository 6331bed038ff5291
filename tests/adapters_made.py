"""LoRA adapters as PEFT saves them, with random weights, and the same model through PEFT."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import LlamaForCausalLM

ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
ALL = (*ATTENTION, "gate_proj", "up_proj", "down_proj")


@contextmanager
def without_warnings() -> Iterator[None]:
    """PEFT's own: of settings that matter in training only, of what it still calls."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def save_adapter(checkpoint: Path, folder: Path, seed: int = 1, **settings: Any) -> Path:
    """An adapter whose B is random, too: PEFT begins with zeros, which change nothing."""
    base: Any = LlamaForCausalLM.from_pretrained(checkpoint)
    given: dict[str, Any] = {
        "r": 4,
        "lora_alpha": 8,
        "target_modules": list(ALL),
        "task_type": "CAUSAL_LM",
    }
    with without_warnings():
        model: Any = get_peft_model(base, LoraConfig(**given | settings))
    dice = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        if "lora_" in name:
            weight.data = torch.randn(weight.shape, generator=dice) * weight.shape[1] ** -0.5
    model.save_pretrained(folder)
    return folder


def change_config(folder: Path, **changes: Any) -> None:
    """Write other settings into a saved adapter's configuration."""
    file = folder / "adapter_config.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(content | changes), encoding="utf-8")


class Peft:
    """The base model with one adapter as PEFT computes it."""

    def __init__(self, checkpoint: Path, folder: Path) -> None:
        base: Any = LlamaForCausalLM.from_pretrained(checkpoint)
        with without_warnings():
            self.model: Any = PeftModel.from_pretrained(base, str(folder)).eval()

    def merge(self, folder: Path) -> Path:
        """Save a checkpoint that has the adapter in its own weights."""
        self.model.merge_and_unload().save_pretrained(folder)
        return folder
