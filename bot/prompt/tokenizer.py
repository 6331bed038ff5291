"""Text to ids and back, such that what people write can never become a control token.

SentencePiece itself is used where the checkpoint brings `tokenizer.model`: fast tokenizers made
from it differ in places (runs of spaces, the piece after a control token).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import sentencepiece
import tokenizers

from bot.errors import ConfigError

STEP = "<step>"
"""Ends every message of Code Llama 70B."""
CODE_PIECES = ("▁<PRE>", "▁<SUF>", "▁<MID>", "▁<EOT>", STEP)
"""Code Llama's control tokens, which its tokenizer.model holds as ordinary pieces."""
CODE_NAMES = tuple(piece.lstrip("▁") for piece in CODE_PIECES)


PROBE = "ＩＮ\u200bＳＴ  a\u0301\u00ad ﬁ ｜ É"
"""Changes if anything is normalised at all."""


class Tokenizer(Protocol):
    """What the prompt and the text stream need of a tokenizer."""

    bos_id: int | None
    eos_ids: frozenset[int]
    vocab_size: int
    control_ids: frozenset[int]
    control_names: tuple[str, ...]

    def encode(self, text: str) -> list[int]:
        """Ids of plain text; no control token, whatever the text says."""

    def normal(self, text: str) -> str:
        """The text as it is once the vocabulary's own rules have normalised it.

        Most have none. Some read full-width letters as plain ones and leave out what is not seen,
        so that a tag can be written in a way that only looks different.
        """

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, control tokens left out; broken bytes become U+FFFD."""

    def encode_template(self, text: str) -> list[int]:
        """Ids of text in which control tokens are spelled out, as chat templates do."""


def whole(text: str) -> str:
    """The text without lone surrogates, which no tokenizer and no database can take."""
    return text.encode("utf-8", "replace").decode("utf-8") if not text.isascii() else text


class SentencePieceTokenizer:
    """A checkpoint's own `tokenizer.model`."""

    def __init__(self, path: Path, eos_ids: Iterable[int] = ()) -> None:
        self._pieces = sentencepiece.SentencePieceProcessor()
        try:
            self._pieces.LoadFromSerializedProto(path.read_bytes())
        except (OSError, RuntimeError) as error:
            raise ConfigError(f"{path} is not a SentencePiece model: {error}") from error
        self.vocab_size: int = self._pieces.vocab_size()
        self.bos_id: int | None = self._pieces.bos_id() if self._pieces.bos_id() >= 0 else None
        own = {self._pieces.eos_id()} if self._pieces.eos_id() >= 0 else set()
        self._control = self._find_control()
        step = {self._control[STEP]} if STEP in self._control else set()
        self.eos_ids = (frozenset(eos_ids) or frozenset(own)) | step
        self.control_ids = frozenset(self._control.values())
        self.added_ids = self.control_ids
        self.control_names = tuple(self._control)
        self._identical = self._normalised(PROBE) == PROBE

    def id_of(self, token: str) -> int | None:
        """The token that is spelled so, if there is one."""
        found: int = self._control.get(token, self._pieces.PieceToId(token))
        return None if self._pieces.IsUnknown(found) else found

    def normal(self, text: str) -> str:
        return text if self._identical else self._normalised(text)

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._pieces.encode(whole(text), out_type=int)
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        known = [i for i in ids if i < self.vocab_size and i not in self.control_ids]
        text: str = self._pieces.decode(known)
        return text

    def encode_template(self, text: str) -> list[int]:
        between = re.split("(" + "|".join(map(re.escape, self.control_names)) + ")", text)
        ids: list[int] = []
        for index, piece in enumerate(between):
            if index % 2:
                ids.append(self._control[piece])
            elif piece:
                ids += self.encode(piece)
        return ids

    def _normalised(self, text: str) -> str:
        # SentencePiece puts a space before the text, and its own sign for every one.
        spelled: str = self._pieces.Normalize(whole(text)).replace("▁", " ")
        return spelled if text.startswith((" ", "▁")) else spelled.removeprefix(" ")

    def _find_control(self) -> dict[str, int]:
        """Control tokens as people would spell them."""
        every = range(self.vocab_size)
        control = {self._pieces.IdToPiece(i): i for i in every if self._pieces.IsControl(i)}
        for piece, name in zip(CODE_PIECES, CODE_NAMES, strict=True):
            if not self._pieces.IsUnknown(found := self._pieces.PieceToId(piece)):
                control[name] = found
        return control


class FastTokenizer:
    """A checkpoint's `tokenizer.json`, for models that bring no SentencePiece file."""

    def __init__(self, path: Path, bos_id: int | None, eos_ids: Iterable[int]) -> None:
        try:
            self._plain = tokenizers.Tokenizer.from_file(str(path))
            self._template = tokenizers.Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception
            raise ConfigError(f"{path} is not a tokenizer that can be read: {error}") from error
        self._plain.encode_special_tokens = True
        self.vocab_size: int = self._plain.get_vocab_size(with_added_tokens=True)
        self.bos_id = bos_id
        self.eos_ids = frozenset(eos_ids)
        added = self._plain.get_added_tokens_decoder()
        control = {i: token.content for i, token in added.items() if token.special}
        self.control_ids = frozenset(control)
        self.added_ids = frozenset(added)
        self.control_names = tuple(name for name in control.values() if name.strip())

    def id_of(self, token: str) -> int | None:
        """The token that is spelled so, if there is one."""
        if token == getattr(self._plain.model, "unk_token", None):
            return None
        found: int | None = self._plain.token_to_id(token)
        return found

    def normal(self, text: str) -> str:
        if self._plain.normalizer is None:
            return text
        normal: str = self._plain.normalizer.normalize_str(whole(text))
        # Some put SentencePiece's sign for a space in, as the text itself never has it.
        return normal if "▁" in text else normal.replace("▁", " ").removeprefix(" ")

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._plain.encode(whole(text), add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        text: str = self._plain.decode(list(ids), skip_special_tokens=True)
        return text

    def encode_template(self, text: str) -> list[int]:
        ids: list[int] = self._template.encode(whole(text), add_special_tokens=False).ids
        return ids
