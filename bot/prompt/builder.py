"""The prompt of an answer: the persona whole, then as many of the newest exchanges as fit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from bot.errors import Refused, TooLong
from bot.prompt.exchange import UNFINISHED, Exchange, group
from bot.prompt.formats import ChatFormat
from bot.values import Persona, Prompt, Turn

STEP = 0.75
"""History is trimmed to this share of the budget, then grows again: between two trims the prompt
keeps its beginning, so that the worker computes only what is new."""

MOST_CHARACTERS_PER_TOKEN = 16
"""A message is cut to this many characters for each token of the budget before it is encoded at
all, so that a huge one costs no time. Longer pieces than this are rare in any vocabulary."""


class PromptBuilder:
    """Builds prompts for one model. `context` tokens hold prompt and answer together.

    `reserve` tokens are left for the answer, but never more than a quarter of the context.
    """

    def __init__(self, layout: ChatFormat, *, context: int, reserve: int) -> None:
        self._format = layout
        self.budget = context - min(reserve, context // 4)

    def build(
        self, persona: Persona | None, turns: Sequence[Turn], *, names: bool, begun: str = ""
    ) -> Prompt:
        """The prompt for the answer to the last turns, which must be a person's.

        An empty persona is laid out as an empty one; None leaves it out. An answer that was
        `begun` is gone on with. Raises TooLong if the persona, or what was begun, leaves no room,
        Refused if there is nothing to answer.
        """
        exchanges = group(turns, names=names)
        if not exchanges or exchanges[-1].answer is not None:
            raise Refused("the last message must be from a person")
        begun = begun.rstrip(UNFINISHED)
        exchanges[-1] = replace(exchanges[-1], begun=begun)
        first = self._first_kept(persona, exchanges)
        kept = exchanges[first:]
        cut = len(kept) == 1 and self._size(persona, kept) > self.budget
        if cut:
            kept = [self._cut(persona, kept[0])]
            if self._size(persona, kept) > self.budget:
                raise self._too_long(persona)
        dropped = sum(e.turns for e in exchanges[:first])
        return Prompt(
            ids=tuple(self._format.encode(_words(persona), kept)),
            text=self._format.spell(_words(persona), kept),
            persona=persona,
            kept=len(turns) - dropped,
            dropped=dropped,
            first_kept=dropped,
            cut=cut,
            stops=_stops(kept),
            messages=tuple(_messages(persona, kept)),
            begun=begun,
        )

    def measure(self, persona: Persona) -> tuple[int, int]:
        """Tokens that the persona takes, and how many leave room for a conversation."""
        return self._size(persona, [Exchange("", None, 0)]), self.budget // 2

    def check(self, persona: Persona) -> int:
        """Tokens that the persona takes. TooLong if less than half the budget would be left."""
        bare, allowed = self.measure(persona)
        if bare > allowed:
            raise TooLong(
                f"the persona takes {bare} tokens, and {allowed} are allowed",
                key="conversation.persona_too_long",
                tokens=bare,
                allowed=allowed,
            )
        return bare

    def _too_long(self, persona: Persona | None) -> TooLong:
        """The persona, if it alone leaves too little room; else it is the answer so far."""
        words = f"persona and answer so far do not fit into {self.budget} tokens"
        tokens, allowed = (0, 0) if persona is None else self.measure(persona)
        if tokens <= allowed:
            return TooLong(words)
        key = "conversation.persona_beyond_model"
        return TooLong(words, key=key, tokens=tokens, allowed=allowed)

    def _first_kept(self, persona: Persona | None, exchanges: Sequence[Exchange]) -> int:
        """Replays the conversation: whenever it outgrew the budget, a step was dropped."""
        if self._size(persona, exchanges) <= self.budget:
            return 0
        first = 0
        for end in range(1, len(exchanges) + 1):
            if self._size(persona, self._asked(exchanges[first:end])) <= self.budget:
                continue
            while first < end - 1 and self._size(persona, self._asked(exchanges[first:end])) > int(
                self.budget * STEP
            ):
                first += 1
        return first

    @staticmethod
    def _asked(exchanges: Sequence[Exchange]) -> list[Exchange]:
        """As they stood when the last of them waited for its answer."""
        return [*exchanges[:-1], replace(exchanges[-1], answer=None)]

    def _size(self, persona: Persona | None, exchanges: Sequence[Exchange]) -> int:
        bound = self.budget * MOST_CHARACTERS_PER_TOKEN
        if sum(len(e.said) + len(e.answer or e.begun) for e in exchanges) > bound:
            return self.budget + 1
        return len(self._format.encode(_words(persona), exchanges))

    def _cut(self, persona: Persona | None, exchange: Exchange) -> Exchange:
        """Leave out the middle of a message, as little as makes it fit."""
        said = exchange.said.strip()
        least, most = 0, min(len(said), self.budget * MOST_CHARACTERS_PER_TOKEN)
        while least < most:
            middle = (least + most + 1) // 2
            tried = replace(exchange, said=_without_middle(said, middle))
            if self._size(persona, [tried]) <= self.budget:
                least = middle
            else:
                most = middle - 1
        return replace(exchange, said=_without_middle(said, least))


def _words(persona: Persona | None) -> str | None:
    return persona.text if persona else None


def _without_middle(text: str, keep: int) -> str:
    if keep >= len(text):
        return text
    head = text[: keep - keep // 2]
    tail = text[len(text) - keep // 2 :]
    return f"{head}\n[… {len(text) - keep} characters left out …]\n{tail}"


def _stops(exchanges: Sequence[Exchange]) -> tuple[str, ...]:
    """The model must not go on in somebody else's name."""
    names = dict.fromkeys(name for exchange in exchanges for name in exchange.speakers)
    return tuple(f"\n{name}:" for name in names)


def _messages(persona: Persona | None, exchanges: Sequence[Exchange]) -> Iterator[tuple[str, str]]:
    """The prompt as messages, for whoever takes no tokens."""
    if persona is not None:
        yield "system", persona.text
    for exchange in exchanges:
        yield "user", exchange.said
        if exchange.answer is not None or exchange.begun:
            yield "assistant", exchange.answer or exchange.begun
