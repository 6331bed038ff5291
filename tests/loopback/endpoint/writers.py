"""What the loopback server writes: counted words, or what a real model says."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, Protocol

from bot.generation.generator import LocalGenerator
from bot.prompt.exchange import Exchange
from bot.prompt.formats import Llama2Format
from bot.prompt.tokenizer import Tokenizer
from bot.values import FinishReason, Place, Prompt, Sampling


class Writer(Protocol):
    """A model: ids in, pieces of text out, None last if the answer was cut at its length."""

    def encode(self, messages: Sequence[dict[str, str]]) -> list[int]:
        """The model's own chat template."""

    def write(self, ids: Sequence[int], body: dict[str, Any]) -> AsyncGenerator[str | None, None]:
        """The answer."""


class WordWriter:
    """Says the same words, whatever it is asked."""

    def __init__(self, *words: str) -> None:
        self._words = words

    def encode(self, messages: Sequence[dict[str, str]]) -> list[int]:
        return [1] * sum(len(message["content"]) for message in messages)

    async def write(
        self, ids: Sequence[int], body: dict[str, Any]
    ) -> AsyncGenerator[str | None, None]:
        assert ids
        longest = int(body.get("max_tokens") or body["max_completion_tokens"])
        for word in self._words[:longest]:
            yield word
        if longest < len(self._words):
            yield None


class ModelWriter:
    """A model in this process, laid out for as Llama 2 is."""

    def __init__(self, generator: LocalGenerator, tokenizer: Tokenizer) -> None:
        self._generator = generator
        self._format = Llama2Format(tokenizer)

    def encode(self, messages: Sequence[dict[str, str]]) -> list[int]:
        said = [m["content"] for m in messages if m["role"] != "system"]
        persona = [m["content"] for m in messages if m["role"] == "system"]
        exchanges = [
            Exchange(question, answer, 2)
            for question, answer in zip(said[0::2], [*said[1::2], None], strict=True)
        ]
        return self._format.encode(persona[0] if persona else None, exchanges)

    async def write(
        self, ids: Sequence[int], body: dict[str, Any]
    ) -> AsyncGenerator[str | None, None]:
        prompt = Prompt(tuple(ids), "", None, 1, 0, stops=tuple(body.get("stop", ())))
        sampling = Sampling(
            max_new_tokens=body.get("max_tokens", 16),
            temperature=body.get("temperature", 1.0),
            top_p=body.get("top_p", 1.0),
            top_k=max(0, body.get("top_k", 0)),
            min_p=body.get("min_p", 0.0),
            repetition_penalty=body.get("repetition_penalty", 1.0),
            seed=body.get("seed"),
        )
        answer = self._generator.generate(prompt, sampling, Place("server", "w", "c"))
        async with aclosing(answer):
            async for text in answer:
                yield text
        if answer.finish is not None and answer.finish.reason is FinishReason.LENGTH:
            yield None
