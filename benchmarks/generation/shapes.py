"""Random-weight Llamas of known sizes: small ones as checkpoints, large ones made on the GPU."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.generation.loads import BOS, VOCABULARY

CONTEXT = 4096
SEED = 7


@dataclass(frozen=True, slots=True)
class Shape:
    """A model's measures. A large one is never written to disk: every process makes it anew."""

    name: str
    hidden: int
    inner: int
    layers: int
    heads: int
    kv_heads: int
    dtype: str
    large: bool = False

    def config(self) -> dict[str, Any]:
        """What LlamaConfig takes. No token ends an answer, so that all answers are equally long."""
        return {
            "vocab_size": VOCABULARY,
            "hidden_size": self.hidden,
            "intermediate_size": self.inner,
            "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "max_position_embeddings": CONTEXT,
            "bos_token_id": BOS,
            "eos_token_id": None,
            "pad_token_id": None,
            "tie_word_embeddings": self.dtype == "float32",
        }

    @property
    def kv_bytes(self) -> int:
        """Keys and values of one token."""
        width = self.hidden // self.heads * self.kv_heads
        return 2 * self.layers * width * (4 if self.dtype == "float32" else 2)


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("15m", 288, 768, 6, 6, 6, "float32"),
        Shape("110m", 768, 2048, 12, 12, 12, "float32"),
        Shape("1b", 2048, 5632, 22, 32, 4, "bfloat16"),
        Shape("7b", 4096, 11008, 32, 32, 32, "bfloat16", large=True),
        Shape("13b", 5120, 13824, 40, 40, 40, "bfloat16", large=True),
    )
}


def make(shape: Shape, folder: Path) -> Path:
    """The shape's checkpoint below `folder`, made if it is not there yet.

    Of a large shape only configuration and tokenizer are written.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    place = folder / shape.name
    done = place / "tokenizer.json"
    if done.is_file():
        return place
    place.mkdir(parents=True, exist_ok=True)
    config = LlamaConfig(**shape.config(), dtype=shape.dtype)
    if shape.large:
        config.architectures = ["LlamaForCausalLM"]
        config.save_pretrained(place)
    else:
        torch.manual_seed(SEED)
        model = LlamaForCausalLM(config).to(getattr(torch, shape.dtype))
        model.save_pretrained(place)
    _save_tokenizer(place)
    return place


def _save_tokenizer(place: Path) -> None:
    """A tokenizer whose words are the ids, for ways that take text only."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    words = {str(token): token for token in range(VOCABULARY)}
    tokenizer = Tokenizer(WordLevel(words, unk_token=str(0)))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    # A special token would be found within longer numbers, so none is named.
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    fast.save_pretrained(place)
