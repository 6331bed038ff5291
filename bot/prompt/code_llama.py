"""The chat format of Code Llama 70B Instruct; the smaller ones speak Llama 2's."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from bot.errors import ConfigError
from bot.prompt.exchange import Exchange
from bot.prompt.formats import Plain, metas_tags
from bot.prompt.remembered import Remembered
from bot.prompt.tokenizer import STEP, Tokenizer

TO_THE_USER = "\nDestination: user"
HEADER = re.compile(
    r"^([^\S\n]*(?:Source|Destination)):(?=[^\S\n]*(?:\w+[^\S\n]*$|(?:system|user|assistant)))",
    re.MULTILINE,
)
"""A line that could pass for the head of a message."""


class CodeLlama70BFormat:
    """Byte-exact Meta's `dialog_prompt_tokens` (meta-llama/codellama, generation.py).

    A message is its head and its text, each encoded by itself, then the token <step>. A system
    message is always there, if need be without text. The model ends its answer with <step>.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        step = tokenizer.encode_template(STEP)
        if tokenizer.bos_id is None or len(step) != 1:
            raise ConfigError("the tokenizer lacks BOS or <step>, which Code Llama's format needs")
        self._bos, self._step = tokenizer.bos_id, step[0]
        self._plain = Plain(tokenizer, metas_tags(tokenizer))
        self._segment = Remembered(tokenizer.encode)

    def encode(self, persona: str | None, exchanges: Sequence[Exchange]) -> list[int]:
        ids = [self._bos]
        for segments, ended in self._messages(persona, exchanges):
            for segment in segments:
                ids += self._segment(segment)
            ids += [self._step] if ended else []
        return ids

    def spell(self, persona: str | None, exchanges: Sequence[Exchange]) -> str:
        return "<s>" + "".join(
            "".join(segments) + (STEP if ended else "")
            for segments, ended in self._messages(persona, exchanges)
        )

    def _messages(
        self, persona: str | None, exchanges: Sequence[Exchange]
    ) -> Iterable[tuple[list[str], bool]]:
        yield self._message(" Source: system", persona or ""), True
        for exchange in exchanges:
            yield self._message(" Source: user", exchange.said), True
            if exchange.answer is not None:
                head = f" Source: assistant{TO_THE_USER}"
                yield self._message(head, exchange.answer), True
        head = f" Source: assistant{TO_THE_USER}"
        begun = exchanges[-1].begun if exchanges else ""
        yield (self._message(head, begun) if begun else [head, "\n\n "]), False

    def _message(self, head: str, text: str) -> list[str]:
        if not text:
            return [head]
        safe = HEADER.sub(r"\1 :", self._plain(text.strip()))
        return [head, f"\n\n {safe}"]
