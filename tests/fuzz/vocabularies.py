"""Tokenizers and templates to fuzz with, made once; Llama 2's own vocabulary where it is there."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

from tokenizers import Tokenizer as Fast
from tokenizers import normalizers

from bot.prompt.formats import TemplateFormat
from bot.prompt.tokenizer import CODE_PIECES, FastTokenizer, SentencePieceTokenizer, Tokenizer
from tests.pieces import train_pieces
from tests.prompt.test_normalised import ZEPHYR
from tests.prompt.test_template_format import CONTROL, NO_SYSTEM, TEMPLATE, model_folder

Made = TypeVar("Made")
Known = tuple[TemplateFormat, Tokenizer, tuple[str, ...]]
_layouts: dict[object, object] = {}


def kept(make: Callable[[Tokenizer], Made], tokenizer: Tokenizer) -> Made:
    """The same layout for the same tokenizer, with what it remembers."""
    key = (make, id(tokenizer))
    if key not in _layouts:
        _layouts[key] = make(tokenizer)
    return _layouts[key]  # type: ignore[return-value]


def _pieces(symbols: tuple[str, ...] = ()) -> Tokenizer:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "tokenizer.model"
        file.write_bytes(train_pieces(symbols=symbols))
        return SentencePieceTokenizer(file)


@cache
def small() -> Tokenizer:
    """Four hundred pieces."""
    return _pieces()


@cache
def llama2_pieces() -> Tokenizer:
    """The true vocabulary, or the small one."""
    true = Path(os.environ.get("QUIPU_TEST_LLAMA2_TOKENIZER", ""))
    return SentencePieceTokenizer(true) if true.is_file() else small()


@cache
def code_pieces() -> Tokenizer:
    """With Code Llama's own tokens."""
    return _pieces(CODE_PIECES)


@cache
def templates_known() -> tuple[Known, ...]:
    """Models with control tokens, with tags in plain text, and one that normalises."""
    return (
        _known(TEMPLATE, CONTROL),
        _known(NO_SYSTEM, CONTROL),
        _known(ZEPHYR, ("<|system|>", "<|user|>", "<|assistant|>", "<|turn|>")),
        _known(TEMPLATE, CONTROL, normalise=True),
    )


def _known(template: str, tags: tuple[str, ...], *, normalise: bool = False) -> Known:
    with tempfile.TemporaryDirectory() as folder:
        file = model_folder(Path(folder), template) / "tokenizer.json"
        if normalise:
            fast = Fast.from_file(str(file))
            fast.normalizer = normalizers.NFKC()
            fast.save(str(file))
        tokenizer = FastTokenizer(file, 0, ())
    return TemplateFormat(template, tokenizer, CONTROL, {"bos_token": ""}), tokenizer, tags
