"""Prompts for a server whose tokenizer is not at hand: messages, and a careful guess of size."""

from __future__ import annotations

from collections.abc import Sequence

from bot.prompt.exchange import Exchange

BYTES_PER_TOKEN = 3
"""English has about four in any large vocabulary, other scripts about three for a character."""

AROUND = 8
"""Tokens that a chat template puts around one message."""


class EstimatedFormat:
    """A `bot.prompt.formats.ChatFormat` whose ids say only how many there may be.

    For an `EndpointGenerator` without a tokenizer, which sends messages and never ids.
    """

    def encode(self, persona: str | None, exchanges: Sequence[Exchange]) -> list[int]:
        return [0] * sum(
            len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN + AROUND
            for text in self._texts(persona, exchanges)
        )

    def spell(self, persona: str | None, exchanges: Sequence[Exchange]) -> str:
        """The messages, one below the other."""
        return "\n\n".join(text for text in self._texts(persona, exchanges) if text)

    @staticmethod
    def _texts(persona: str | None, exchanges: Sequence[Exchange]) -> list[str]:
        said = [text for e in exchanges for text in (e.said.strip(), (e.answer or e.begun).strip())]
        return [persona or "", *said]
