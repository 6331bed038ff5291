"""A small Llama as Meta publishes them, and its computation written down from the mathematics."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

SPLIT = {"wq": 0, "wk": 0, "wv": 0, "wo": 1, "w1": 0, "w2": 1, "w3": 0}


@dataclass(frozen=True)
class Toy:
    """Sizes of which every one differs from the others, so that none can stand in for another."""

    dim: int = 64
    layers: int = 3
    heads: int = 8
    key_value_heads: int = 8
    vocab: int = 400
    multiple_of: int = 24
    factor: float | None = 1.3
    theta: float | None = None

    @property
    def hidden(self) -> int:
        size = int(8 * self.dim / 3)
        size = int(size * self.factor) if self.factor else size
        return (size + self.multiple_of - 1) // self.multiple_of * self.multiple_of

    @property
    def params(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "dim": self.dim,
            "multiple_of": self.multiple_of,
            "n_heads": self.heads,
            "n_layers": self.layers,
            "norm_eps": 1e-5,
            "vocab_size": -1,
        }
        if self.key_value_heads != self.heads:
            found["n_kv_heads"] = self.key_value_heads
        if self.factor:
            found["ffn_dim_multiplier"] = self.factor
        return found | ({"rope_theta": self.theta} if self.theta else {})

    def weights(self, dtype: torch.dtype = torch.float32, seed: int = 0) -> dict[str, Tensor]:
        dice = torch.Generator().manual_seed(seed)

        def matrix(rows: int, columns: int) -> Tensor:
            drawn: Tensor = torch.randn(rows, columns, generator=dice)
            return drawn / float(columns**0.5)

        narrow = self.dim // self.heads * self.key_value_heads
        found = {
            "tok_embeddings.weight": matrix(self.vocab, self.dim),
            "norm.weight": 1 + torch.randn(self.dim, generator=dice) / 10,
            "output.weight": matrix(self.vocab, self.dim),
            "rope.freqs": torch.ones(self.dim // self.heads // 2),
        }
        for layer in range(self.layers):
            shapes = {
                "attention.wq": (self.dim, self.dim),
                "attention.wk": (narrow, self.dim),
                "attention.wv": (narrow, self.dim),
                "attention.wo": (self.dim, self.dim),
                "feed_forward.w1": (self.hidden, self.dim),
                "feed_forward.w2": (self.dim, self.hidden),
                "feed_forward.w3": (self.hidden, self.dim),
            }
            for name, shape in shapes.items():
                found[f"layers.{layer}.{name}.weight"] = matrix(*shape)
            for norm in ("attention_norm", "ffn_norm"):
                weight = 1 + torch.randn(self.dim, generator=dice) / 10
                found[f"layers.{layer}.{norm}.weight"] = weight
        return {name: tensor.to(dtype) for name, tensor in found.items()}


def parts(weights: dict[str, Tensor], count: int) -> list[dict[str, Tensor]]:
    """Split as model parallelism splits: heads and inner units by rows, what joins by columns."""
    split: list[dict[str, Tensor]] = [{} for _ in range(count)]
    for name, tensor in weights.items():
        kind = name.split(".")[-2]
        dimension = {"tok_embeddings": 1, "output": 0, **SPLIT}.get(kind)
        if "norm" in name or name == "rope.freqs" or dimension is None:
            pieces: list[Tensor] = [tensor] * count
        else:
            pieces = list(tensor.chunk(count, dim=dimension))
        for part, piece in zip(split, pieces, strict=True):
            part[name] = piece.clone()
    return split


def publish(
    folder: Path, toy: Toy, tokenizer: bytes, *, count: int, dtype: torch.dtype = torch.float32
) -> dict[str, Tensor]:
    """Write a model as Meta's download script leaves it; its weights are returned."""
    folder.mkdir(parents=True)
    weights = toy.weights(dtype)
    for number, part in enumerate(parts(weights, count)):
        torch.save(part, folder / f"consolidated.{number:02d}.pth")
    (folder / "params.json").write_text(json.dumps(toy.params))
    lines = [f"{digest(file)}  {file.name}\n" for file in sorted(folder.iterdir())]
    (folder / "checklist.chk").write_text("".join(lines))
    above = folder.parent / "tokenizer.model"
    above.write_bytes(tokenizer)
    (folder.parent / "tokenizer_checklist.chk").write_text(f"{digest(above)}  tokenizer.model\n")
    return weights


def digest(file: Path) -> str:
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()


def logits(toy: Toy, weights: dict[str, Tensor], ids: list[int]) -> Tensor:
    """What the model says after each of the tokens, in fp32.

    A head's neighbouring numbers are one complex number, turned by position times frequency.
    """
    size = toy.dim // toy.heads
    frequency = (toy.theta or 10_000.0) ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    angle = torch.arange(len(ids), dtype=torch.float64)[:, None] * frequency
    turn = torch.polar(torch.ones_like(angle), angle).to(torch.complex64)
    state = weights["tok_embeddings.weight"].float()[ids]
    for layer in range(toy.layers):
        own = {
            name.removeprefix(f"layers.{layer}.").removesuffix(".weight"): tensor.float()
            for name, tensor in weights.items()
            if name.startswith(f"layers.{layer}.")
        }
        state = state + attend(toy, own, normal(state, own["attention_norm"]), turn)
        inner = normal(state, own["ffn_norm"])
        gate = functional.silu(inner @ own["feed_forward.w1"].T)
        state = state + (gate * (inner @ own["feed_forward.w3"].T)) @ own["feed_forward.w2"].T
    return normal(state, weights["norm.weight"].float()) @ weights["output.weight"].float().T


def attend(toy: Toy, own: dict[str, Tensor], state: Tensor, turn: Tensor) -> Tensor:
    size, length = toy.dim // toy.heads, len(state)

    def heads(name: str, *, turned: bool) -> Tensor:
        split = (state @ own[f"attention.{name}"].T).view(length, -1, size)
        if turned:
            pairs = torch.view_as_complex(split.reshape(length, -1, size // 2, 2))
            split = torch.view_as_real(pairs * turn[:, None]).reshape(length, -1, size)
        return split.repeat_interleave(toy.heads // split.shape[1], dim=1)

    query, key = heads("wq", turned=True), heads("wk", turned=True)
    score = torch.einsum("qhd,khd->hqk", query, key) / size**0.5
    unseen = torch.ones(length, length, dtype=torch.bool).triu(1)
    share = score.masked_fill(unseen, float("-inf")).softmax(-1)
    mixed = torch.einsum("hqk,khd->qhd", share, heads("wv", turned=False))
    return mixed.reshape(length, -1) @ own["attention.wo"].T


def normal(state: Tensor, weight: Tensor) -> Tensor:
    return state * torch.rsqrt(state.pow(2).mean(-1, keepdim=True) + 1e-5) * weight
