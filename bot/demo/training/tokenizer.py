"""The demonstration model's own SentencePiece tokenizer, with Llama's conventions."""

from __future__ import annotations

from io import BytesIO
from random import Random

import sentencepiece
from sentencepiece import SentencePieceProcessor

from bot.demo.training.dialogues import Playwright
from bot.demo.training.encoding import question


def train_tokenizer(seed: int, *, dialogues: int = 30_000, pieces: int = 2048) -> bytes:
    """The model file of a BPE tokenizer with byte fallback, learned from generated dialogues."""
    rng, playwright, model = Random(seed), Playwright(), BytesIO()
    texts: list[str] = []
    for _ in range(dialogues):
        dialogue = playwright.write(rng)
        for place, exchange in enumerate(dialogue.exchanges):
            asked = question(None if place else dialogue.persona, exchange.user)
            texts.append(f"{asked} {exchange.answer}")
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([line for text in texts for line in text.split("\n") if line]),
        model_writer=model,
        model_type="bpe",
        vocab_size=pieces,
        byte_fallback=True,
        character_coverage=0.9995,
        normalization_rule_name="identity",
        remove_extra_whitespaces=False,
        split_digits=True,
        add_dummy_prefix=True,
        allow_whitespace_only_pieces=True,
        unk_id=0,
        bos_id=1,
        eos_id=2,
        pad_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    return model.getvalue()


def load_pieces(model: bytes) -> SentencePieceProcessor:
    """A processor from a model file's bytes."""
    pieces = SentencePieceProcessor()
    pieces.LoadFromSerializedProto(model)
    return pieces
