"""Meta's `params.json`, and the `config.json` that says the same to transformers."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.errors import ModelLoadError

KNOWN = {
    "dim", "n_layers", "n_heads", "n_kv_heads", "vocab_size", "multiple_of", "ffn_dim_multiplier",
    "norm_eps", "rope_theta", "max_batch_size", "max_seq_len",
}  # fmt: skip
"""Any other name may change the architecture, as those of Llama 3.1 and 4 do."""

ROPE_THETA = 10_000.0
CONTEXT = 4096
"""What Llama 2 was trained with; the file does not say it."""
LONG_CONTEXT = 16_384
"""What Code Llama was trained with, known by its larger rope_theta."""


@dataclass(frozen=True, slots=True)
class Params:
    """A Llama's sizes, in the words of transformers."""

    hidden: int
    intermediate: int
    layers: int
    heads: int
    key_value_heads: int
    norm_eps: float
    rope_theta: float

    @property
    def head_dim(self) -> int:
        return self.hidden // self.heads

    @property
    def context(self) -> int:
        """Tokens that prompt and answer may have together."""
        return LONG_CONTEXT if self.rope_theta > ROPE_THETA else CONTEXT

    def config(self, *, vocab_size: int, dtype: str, eos: int | list[int]) -> dict[str, Any]:
        """The content of config.json, with names that every version of transformers reads."""
        return {
            "architectures": ["LlamaForCausalLM"],
            "model_type": "llama",
            "vocab_size": vocab_size,
            "hidden_size": self.hidden,
            "intermediate_size": self.intermediate,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.key_value_heads,
            "head_dim": self.head_dim,
            "hidden_act": "silu",
            "rms_norm_eps": self.norm_eps,
            "rope_theta": self.rope_theta,
            "max_position_embeddings": self.context,
            "attention_bias": False,
            "tie_word_embeddings": False,
            "bos_token_id": 1,
            "eos_token_id": eos,
            "torch_dtype": dtype,
        }

    def shapes(self, vocab_size: int) -> dict[str, tuple[int, ...]]:
        """Every tensor of one layer, then those outside the layers, in Meta's names."""
        wide, narrow = self.heads * self.head_dim, self.key_value_heads * self.head_dim
        return {
            "attention.wq.weight": (wide, self.hidden),
            "attention.wk.weight": (narrow, self.hidden),
            "attention.wv.weight": (narrow, self.hidden),
            "attention.wo.weight": (self.hidden, wide),
            "feed_forward.w1.weight": (self.intermediate, self.hidden),
            "feed_forward.w2.weight": (self.hidden, self.intermediate),
            "feed_forward.w3.weight": (self.intermediate, self.hidden),
            "attention_norm.weight": (self.hidden,),
            "ffn_norm.weight": (self.hidden,),
            "tok_embeddings.weight": (vocab_size, self.hidden),
            "norm.weight": (self.hidden,),
            "output.weight": (vocab_size, self.hidden),
        }


def read_params(path: Path) -> Params:
    """Read `params.json`. ModelLoadError unless it describes a Llama 2 or Code Llama."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if unknown := sorted(set(found) - KNOWN - _switched_off(found)):
            raise ModelLoadError(
                f"{path} speaks of {', '.join(unknown)}, so it is not a Llama 2 or Code Llama; "
                "take that model from Hugging Face instead: quipu models download"
            )
        return _params(found)
    except (OSError, ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise ModelLoadError(f"{path} is not Meta's params.json: {error!r}") from error


def _switched_off(found: dict[str, Any]) -> set[str]:
    return {name for name, value in found.items() if value is None or value is False}


def _params(found: dict[str, Any]) -> Params:
    heads = int(found["n_heads"])
    params = Params(
        hidden=int(found["dim"]),
        intermediate=_intermediate(found),
        layers=int(found["n_layers"]),
        heads=heads,
        key_value_heads=int(found.get("n_kv_heads") or heads),
        norm_eps=float(found["norm_eps"]),
        rope_theta=float(found.get("rope_theta") or ROPE_THETA),
    )
    if min(params.hidden, params.layers, heads, params.key_value_heads) < 1:
        raise ValueError("a size is not positive")
    if params.hidden % (2 * heads) or heads % params.key_value_heads:
        raise ValueError("the heads do not divide the model's width")
    return params


def _intermediate(found: dict[str, Any]) -> int:
    """Two thirds of four times the width, times a factor, rounded up."""
    size = int(8 * int(found["dim"]) / 3)
    if (factor := found.get("ffn_dim_multiplier")) is not None:
        size = int(factor * size)
    multiple = int(found["multiple_of"])
    return multiple * -(-size // multiple)
