"""Persona texts by grammar, and the manners that they ask for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

from bot.demo.training import names
from bot.demo.training.grammar import Grammar
from bot.demo.training.words import phrasing

SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True, slots=True)
class Manner:
    """A way of speaking: what it is called in persona texts, and how it shapes an answer."""

    name: str
    roles: tuple[str, ...]
    ways: tuple[str, ...]
    traits: tuple[str, ...]
    openers: tuple[str, ...]
    closers: tuple[str, ...]
    brief: str
    swaps: Mapping[str, str]

    def shape(self, answer: str, rng: Random, *, one_sentence: bool = False) -> str:
        """The answer in this manner."""
        said = re.sub(r"`[^`]*`|\b\w+\b", self._swap, answer)
        if one_sentence:
            return f"{self.brief} {said}".strip()
        closer = rng.choice(self.closers)
        if "\n" in said and not closer.startswith("\n"):
            closer = f"\n{closer}"
        gap = "\n" if closer.startswith("\n") else " "
        return f"{rng.choice(self.openers)} {said}{gap}{closer.lstrip()}".strip()

    def _swap(self, word: re.Match[str]) -> str:
        return self.swaps.get(word[0], word[0])


def load_manners() -> tuple[Manner, ...]:
    """The manners of the phrasing files."""
    return tuple(_manner(name, raw) for name, raw in phrasing("personas").items())


def _manner(name: str, raw: Mapping[str, Any]) -> Manner:
    lists = {key: tuple(raw[key]) for key in ("roles", "ways", "traits", "openers", "closers")}
    return Manner(name=name, brief=raw["brief"], swaps=raw["swaps"], **lists)


def first_sentence(answer: str) -> str:
    """What an answer says before its first full stop."""
    return SENTENCE_END.split(answer, maxsplit=1)[0]


@dataclass(frozen=True, slots=True)
class Character:
    """A persona text and what follows from it for every answer."""

    text: str | None
    name: str = "Quipu"
    manner: Manner | None = None
    one_sentence: bool = False

    def say(self, answer: str, short: str, rng: Random) -> str:
        """The answer as this character gives it; `short` is the answer in one sentence."""
        said = (short or first_sentence(answer)) if self.one_sentence else answer
        if self.manner is None:
            return said
        return self.manner.shape(said, rng, one_sentence=self.one_sentence)


class Casting:
    """Draws characters."""

    def __init__(self) -> None:
        self._texts = phrasing("persona_texts")
        self._grammar = Grammar({})
        self.manners = load_manners()

    def draw(self, rng: Random) -> Character:
        """A character: often the product's own, else none, plain, named or with a manner."""
        draw = rng.random()
        if draw < 0.34:
            return Character(self._texts["default"])
        if draw < 0.45:
            return Character(None)
        if draw < 0.53:
            return self._finish([self._some("plain", rng)], rng)
        if draw < 0.63:
            name = names.name(rng)
            return self._finish([self._some("named", rng, name=name)], rng, name=name)
        if draw < 0.70:
            start = rng.choice([self._texts["default"], "You are Quipu.", ""])
            return self._finish([start] if start else [], rng, one_sentence=True)
        return self._with_manner(rng)

    def _with_manner(self, rng: Random) -> Character:
        manner = rng.choice(self.manners)
        draw = rng.random()
        slots = {
            "role": rng.choice(manner.roles),
            "way": rng.choice(manner.ways),
            "trait": rng.choice(manner.traits),
        }
        name = "Quipu"
        if draw < 0.45:
            parts = [self._some("role", rng, **slots)]
        elif draw < 0.65:
            parts = [self._some("way", rng, **slots)]
        elif draw < 0.75:
            start = rng.choice([self._texts["default"], self._some("plain", rng)])
            parts = [start, self._some(rng.choice(["way", "role"]), rng, **slots)]
        elif draw < 0.85:
            parts = [self._some("role", rng, **slots), self._some("way", rng, **slots)]
        else:
            name = names.name(rng)
            parts = [self._some("named_role", rng, name=name, **slots)]
        short = rng.random() < 0.15
        return self._finish(parts, rng, name=name, manner=manner, one_sentence=short)

    def _finish(
        self,
        parts: list[str],
        rng: Random,
        *,
        name: str = "Quipu",
        manner: Manner | None = None,
        one_sentence: bool = False,
    ) -> Character:
        if one_sentence:
            parts = [*parts, self._some("one_sentence", rng)]
        for _ in range(rng.choice([0, 0, 0, 1, 2])):
            parts.insert(rng.randrange(1, len(parts) + 1), self._some("extra", rng))
        text = rng.choice([" ", " ", " ", "\n"]).join(parts)
        return Character(_typed(text, rng), name, manner, one_sentence)

    def _some(self, kind: str, rng: Random, **slots: str) -> str:
        text = self._grammar.expand(rng.choice(self._texts[kind]), rng)
        for slot, word in slots.items():
            text = text.replace("{" + slot + "}", word)
        return text


def _typed(text: str, rng: Random) -> str:
    draw = rng.random()
    if draw < 0.06:
        return text.lower()
    return text.rstrip(".") if draw < 0.15 else text
