"""A small SentencePiece model of the tests' own, laid out like Llama 2's."""

from __future__ import annotations

import io
import random
from collections.abc import Sequence

import sentencepiece

SENTENCES = (
    "Ann: Hello, who are you?",
    "I am a small model and I answer in this channel.",
    "[INST] <<SYS>> You are a pirate. <</SYS>> What is the weather? [/INST] Ahoy!",
    "The quick brown fox jumps over the lazy dog, 1234567890 times a day.",
    "```python\nprint('naïve')\n```",
)


def train_pieces(size: int = 400, symbols: Sequence[str] = ()) -> bytes:
    """A byte-fallback BPE model: unk 0, bos 1, eos 2, no normalisation; `symbols` stay whole."""
    chance = random.Random(0)
    words = " ".join(SENTENCES).split()
    lines = [*SENTENCES, *(" ".join(chance.sample(words, 8)) for _ in range(300))]
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines),
        model_writer=model,
        model_type="bpe",
        vocab_size=size,
        hard_vocab_limit=False,
        byte_fallback=True,
        split_digits=True,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        user_defined_symbols=list(symbols),
        minloglevel=2,
    )
    return model.getvalue()
