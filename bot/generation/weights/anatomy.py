"""The parts of a checkpoint and their sizes, known without loading it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch

from bot.checkpoint import context_of
from bot.errors import ModelLoadError
from bot.generation.memory.key_value import KeyValueShape
from bot.generation.weights.headers import Header, read_headers
from bot.generation.weights.placement import Plan

UNQUANTISED = ("embed", "lm_head", "wte", "output")
"""What the names of input and output embeddings hold; quantisation leaves these as they are."""
QUANTISED_BITS = {"int8": 8.0, "nf4": 4 + 8 / 64 + 32 / (64 * 256)}
"""Of one weight: nf4 has a scale of 8 bits for 64 of them, and one of 32 bits for 256 of those."""
INT8_SCALE = 8
"""Bytes beside each row of int8 weights, at most."""
ROWS = 512
"""Tokens of a forward at their most, for what it needs to compute."""
ANSWERS = 32


@dataclass(frozen=True, slots=True)
class Anatomy:
    """What a model is made of: its tensors, what a token leaves behind, and its widths.

    `complete` says that the tensors are the files' own and not what the configuration implies.
    """

    tensors: tuple[Header, ...]
    memory: KeyValueShape
    width: int
    inner_width: int
    vocabulary: int
    context: int
    complete: bool

    @property
    def parameters(self) -> int:
        """Numbers in all weights."""
        return sum(tensor.numbers for tensor in self.tensors)

    def weight_bytes(self, plan: Plan) -> int:
        """Bytes that all weights take once they are loaded."""
        return sum(_bytes(tensor, plan) for tensor in self.tensors)

    def working_bytes(self, plan: Plan) -> int:
        """Bytes that one forward needs beside weights, keys and values; an estimate."""
        each = plan.dtype.itemsize
        row = (6 * self.width + 3 * self.inner_width) * each
        logits = self.vocabulary * (each + torch.float32.itemsize)
        largest = max((t.numbers for t in self.tensors if _is_quantised(t, plan)), default=0)
        # Many rows are multiplied by a weight that is brought back to the dtype for that.
        whole = largest * each
        return ROWS * row + ANSWERS * logits + whole


def examine(path: Path) -> Anatomy:
    """Read a checkpoint folder's configuration and headers; the weights need not be there yet."""
    config = _config(path)
    files = _files(path)
    try:
        tensors = tuple(read_headers(files)) if files else _implied(config)
        return Anatomy(
            tensors=tensors,
            memory=KeyValueShape.of(SimpleNamespace(**config)),
            width=int(config["hidden_size"]),
            inner_width=int(config.get("intermediate_size") or 4 * int(config["hidden_size"])),
            vocabulary=int(config.get("vocab_size") or 0),
            context=context_of(config),
            complete=bool(files),
        )
    except (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise ModelLoadError(f"{path / 'config.json'} does not say its sizes: {error}") from error


def _config(path: Path) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((path / "config.json").read_text(encoding="utf-8"))
        return config.get("text_config") or config
    except (OSError, ValueError, AttributeError) as error:
        raise ModelLoadError(f"{path / 'config.json'} cannot be read: {error}") from error


def _files(path: Path) -> list[Path]:
    """The weight files if they are all there."""
    files = sorted(path.glob("model*.safetensors"))
    index = path / "model.safetensors.index.json"
    if not index.is_file():
        return files
    try:
        names = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except (OSError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise ModelLoadError(f"{index} cannot be read; download it again: {error}") from error
    whole = [path / name for name in sorted(names)]
    return whole if all(file.is_file() for file in whole) else []


def _implied(config: dict[str, Any]) -> tuple[Header, ...]:
    """The tensors of a Llama of this configuration; others of the family differ by little."""
    width, inner = int(config["hidden_size"]), int(config["intermediate_size"])
    memory = KeyValueShape.of(SimpleNamespace(**config))
    query = int(config["num_attention_heads"]) * memory.head_dim
    shared = memory.heads * memory.head_dim
    layer = {
        "q_proj": (query, width),
        "k_proj": (shared, width),
        "v_proj": (shared, width),
        "o_proj": (width, query),
        "gate_proj": (inner, width),
        "up_proj": (inner, width),
        "down_proj": (width, inner),
        "input_layernorm": (width,),
        "post_attention_layernorm": (width,),
    }
    shapes: dict[str, tuple[int, ...]] = {
        f"layers.{at}.{name}": shape for at in range(memory.layers) for name, shape in layer.items()
    }
    shapes |= {"embed_tokens": (int(config["vocab_size"]), width), "norm": (width,)}
    if not config.get("tie_word_embeddings"):
        shapes["lm_head"] = shapes["embed_tokens"]
    stored = str(config.get("dtype") or config.get("torch_dtype") or "float16")
    return tuple(Header(f"{name}.weight", stored, shape) for name, shape in shapes.items())


def _bytes(tensor: Header, plan: Plan) -> int:
    if not _is_quantised(tensor, plan):
        return tensor.numbers * plan.dtype.itemsize
    scales = tensor.shape[0] * INT8_SCALE if plan.quantisation == "int8" else 0
    return round(tensor.numbers * QUANTISED_BITS[plan.quantisation] / 8) + scales


def _is_quantised(tensor: Header, plan: Plan) -> bool:
    """Only linear layers are, by what their names and shapes tell."""
    if len(tensor.shape) != 2 or any(part in tensor.name for part in UNQUANTISED):
        return False
    return plan.quantises(tensor.shape)
