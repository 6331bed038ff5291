"""How the tests talk to a generator: a tokenizer of one character per token, and a reference."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from bot.generation.generator import LocalAnswer, LocalGenerator
from bot.values import Finish, Persona, Place, Prompt, Sampling

VOCABULARY = 320
CONTEXT = 512
EOS = 1
FIRST_CHARACTER = 0x4E00
GREEDY = Sampling(max_new_tokens=24, temperature=0.0)
LONG_PROMPT = (0, *range(2, 90))


def save_llama(folder: Path, **changes: Any) -> Path:
    """A random Llama whose greedy answers are varied: weights far larger than at training."""
    settings: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 3,
        "num_attention_heads": 8,
        "num_key_value_heads": 2,
        "max_position_embeddings": CONTEXT,
        "initializer_range": 0.25,
        "bos_token_id": 0,
        "eos_token_id": EOS,
    }
    torch.manual_seed(20)
    LlamaForCausalLM(LlamaConfig(**settings | changes)).save_pretrained(folder)
    return folder


class Characters:
    """A tokenizer whose tokens are Chinese characters: text and ids are one to one."""

    eos_ids = frozenset({EOS})
    control_ids = frozenset({EOS})
    vocab_size = VOCABULARY

    def decode(self, ids: Sequence[int]) -> str:
        return "".join(chr(FIRST_CHARACTER + token) for token in ids)


def spelled(text: str) -> list[int]:
    """The ids that a text was decoded from."""
    return [ord(character) - FIRST_CHARACTER for character in text]


class Reference:
    """What transformers' own generate says, on a model of its own."""

    def __init__(self, checkpoint: Path) -> None:
        self.model: Any = LlamaForCausalLM.from_pretrained(checkpoint)

    @torch.inference_mode()
    def greedy(self, ids: Sequence[int], count: int) -> list[int]:
        given = torch.tensor([list(ids)])
        out = self.model.generate(
            given,
            attention_mask=torch.ones_like(given),
            max_new_tokens=count,
            do_sample=False,
            pad_token_id=0,
        )
        new: list[int] = out[0, len(ids) :].tolist()
        return new[:-1] if new[-1:] == [EOS] else new

    @torch.inference_mode()
    def logits(self, ids: Sequence[int]) -> torch.Tensor:
        """Of the token after these, [vocabulary]."""
        found: torch.Tensor = self.model(torch.tensor([list(ids)])).logits[0, -1]
        return found


def place(name: str = "one") -> Place:
    return Place("test", "workspace", name)


def prompt(ids: Sequence[int], *, stops: tuple[str, ...] = ()) -> Prompt:
    return Prompt(tuple(ids), "", Persona(""), kept=1, dropped=0, stops=stops)


def some_ids(dice: random.Random, count: int) -> list[int]:
    return [0, *(dice.randrange(2, VOCABULARY) for _ in range(count - 1))]


async def read(answer: LocalAnswer) -> tuple[str, Finish]:
    text = "".join([delta async for delta in answer])
    assert answer.finish is not None
    return text, answer.finish


async def ask(
    generator: LocalGenerator,
    ids: Sequence[int],
    sampling: Sampling = GREEDY,
    where: str = "one",
) -> tuple[str, Finish]:
    return await read(generator.generate(prompt(ids), sampling, place(where)))
