"""The tokenizer and the chat format that a checkpoint asks for."""

from __future__ import annotations

import json
from typing import Any

from bot.checkpoint import Checkpoint, spelled
from bot.errors import ConfigError
from bot.prompt.builder import PromptBuilder
from bot.prompt.code_llama import CodeLlama70BFormat
from bot.prompt.formats import ChatFormat, Llama2Format, TemplateFormat
from bot.prompt.tokenizer import STEP, FastTokenizer, SentencePieceTokenizer, Tokenizer


def load_tokenizer(checkpoint: Checkpoint) -> Tokenizer:
    """SentencePiece where the checkpoint brings it, unless its own template needs the other.

    An answer ends where the model's configuration says, and at the end that the tokenizer names:
    fine-tunes have one of their own and often keep the configuration of what they were made from.
    An ordinary word of the vocabulary is none, whatever is named so.
    """
    tokenizer = _vocabulary(checkpoint)
    named = tokenizer.id_of(checkpoint.eos_token)
    if named in tokenizer.added_ids:
        tokenizer.eos_ids |= {named}
    return tokenizer


def _vocabulary(checkpoint: Checkpoint) -> SentencePieceTokenizer | FastTokenizer:
    pieces = checkpoint.path / "tokenizer.model"
    fast = checkpoint.path / "tokenizer.json"
    own_template = not _is_metas(checkpoint)
    if pieces.is_file() and not (own_template and fast.is_file()):
        tokenizer = SentencePieceTokenizer(pieces, checkpoint.eos_ids)
        if own_template:
            _check_ends(checkpoint, tokenizer)
        return tokenizer
    if fast.is_file():
        return FastTokenizer(fast, checkpoint.bos_id, checkpoint.eos_ids)
    raise ConfigError(f"{checkpoint.path} holds neither tokenizer.model nor tokenizer.json")


def _check_ends(checkpoint: Checkpoint, pieces: SentencePieceTokenizer) -> None:
    """The tokens that were added for a template are often in tokenizer.json alone."""
    beyond = {f"token {i}" for i in checkpoint.eos_ids if i >= pieces.vocab_size}
    named = checkpoint.eos_token
    if named and pieces.id_of(named) is None:
        beyond.add(named)
    if beyond:
        raise ConfigError(
            f"{checkpoint.path}: {min(beyond)} ends an answer and is not in its tokenizer.model; "
            "take a copy with tokenizer.json"
        )


def load_format(checkpoint: Checkpoint, tokenizer: Tokenizer) -> ChatFormat:
    """The exact format of Llama 2 and Code Llama; for other models their own template."""
    if checkpoint.chat_template is None or _is_metas(checkpoint):
        turns = STEP in tokenizer.control_names and not _is_llama2(checkpoint)
        return CodeLlama70BFormat(tokenizer) if turns else Llama2Format(tokenizer)
    names = _special_names(checkpoint)
    control = tokenizer.control_names
    return TemplateFormat(checkpoint.chat_template, tokenizer, control, names)


def load_builder(checkpoint: Checkpoint, tokenizer: Tokenizer, *, reserve: int) -> PromptBuilder:
    """A prompt builder for the checkpoint; `reserve` tokens are kept free for the answer."""
    layout = load_format(checkpoint, tokenizer)
    return PromptBuilder(layout, context=checkpoint.context, reserve=reserve)


def _is_llama2(checkpoint: Checkpoint) -> bool:
    return "<<SYS>>" in (checkpoint.chat_template or "")


def _is_metas(checkpoint: Checkpoint) -> bool:
    """Whether Llama 2's or Code Llama's repositories have this template, or none.

    Our own formats are exact to the id where a rendered template is not.
    """
    template = checkpoint.chat_template
    if template is None or _is_llama2(checkpoint):
        return True
    return "Source: " in template and STEP in template


def _special_names(checkpoint: Checkpoint) -> dict[str, Any]:
    """What a template may name: its special tokens, and whether to think aloud first."""
    file = checkpoint.path / "tokenizer_config.json"
    config = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    names = ("bos_token", "eos_token", "unk_token", "pad_token")
    named: dict[str, Any] = {name: spelled(config.get(name)) for name in names}
    # Qwen 3 and its kin would show people their thoughts as part of the answer.
    return named | {"enable_thinking": False}
