"""Facts that people tell, and questions about them: what a conversation remembers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bot.demo.training import names
from bot.demo.training.grammar import Grammar
from bot.demo.training.intents import fill
from bot.demo.training.words import phrasing

UNKNOWN = "You have not told me that yet."


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of fact: how it is told, asked for, confirmed and repeated."""

    name: str
    of: str
    things: tuple[str, ...]
    tell: tuple[str, ...]
    ask: tuple[str, ...]
    right: str
    unknown: str = UNKNOWN
    noted: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    other_right: str = ""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something told: of a kind, about a thing, by somebody."""

    kind: Kind
    thing: str
    value: str
    by: str

    @property
    def slots(self) -> dict[str, str]:
        """What patterns of its kind are filled with."""
        return {"x": self.thing, "v": self.value, "n": self.by}


def load_kinds() -> tuple[Kind, ...]:
    """The kinds of the phrasing file."""
    return tuple(_kind(name, raw) for name, raw in phrasing("memory").items())


def _kind(name: str, raw: Mapping[str, Any]) -> Kind:
    lists = {key: tuple(raw.get(key, ())) for key in ("tell", "ask", "noted", "other")}
    return Kind(
        name=name,
        of=raw.get("of", "name"),
        things=tuple(raw.get("x", ("",))),
        right=raw["right"],
        unknown=raw.get("unknown", UNKNOWN),
        other_right=raw.get("other_right", ""),
        **lists,
    )


@dataclass(frozen=True, slots=True)
class Line:
    """What is said about a fact, its slots still open, and the bot's answer."""

    said: str
    slots: Mapping[str, str]
    answer: str


@dataclass(slots=True)
class Memory:
    """What one conversation has been told, by speaker; the newest fact about a thing counts."""

    kinds: tuple[Kind, ...]
    grammar: Grammar
    facts: dict[tuple[str, str, str], Fact] = field(default_factory=dict)

    def tell(self, speaker: str, rng: Random) -> Line:
        """A new fact in the speaker's words."""
        name_known = ("name", "", speaker) in self.facts
        kind = rng.choice(self.kinds[name_known:]) if rng.random() < 0.7 else self.kinds[0]
        fact = Fact(kind, rng.choice(kind.things), names.value(kind.of, rng), speaker)
        self.facts[kind.name, fact.thing, speaker] = fact
        said = self.grammar.expand(rng.choice(kind.tell), rng)
        if kind.noted:
            return Line(said, fact.slots, fill(rng.choice(kind.noted), fact.slots))
        right = fill(kind.right, fact.slots)
        return Line(said, fact.slots, f"Noted: {right[0].lower()}{right[1:]}")

    def ask(self, speaker: str, rng: Random) -> Line:
        """A question about a fact, mostly about one that was told."""
        draw = rng.random()
        if self.facts and draw < 0.85:
            fact = rng.choice(list(self.facts.values()))
            if fact.by == speaker or not fact.kind.other_right:
                return self._own(fact.kind, fact.thing, speaker, rng)
            if draw < 0.6:
                said = self.grammar.expand(rng.choice(fact.kind.other), rng)
                return Line(said, fact.slots, fill(fact.kind.other_right, fact.slots))
        kind = rng.choice(self.kinds)
        return self._own(kind, rng.choice(kind.things), speaker, rng)

    def name_of(self, speaker: str) -> str:
        """The name that a speaker gave, or else the one shown, or nothing."""
        fact = self.facts.get(("name", "", speaker))
        return fact.value if fact else speaker

    def _own(self, kind: Kind, thing: str, speaker: str, rng: Random) -> Line:
        said, slots = self.grammar.expand(rng.choice(kind.ask), rng), {"x": thing}
        fact = self._find(kind, thing, speaker)
        if fact:
            return Line(said, slots, fill(kind.right, fact.slots))
        if kind.name == "name" and speaker:
            return Line(said, slots, f"Your name is {speaker}.")
        return Line(said, slots, kind.unknown)

    def _find(self, kind: Kind, thing: str, speaker: str) -> Fact | None:
        if kind.other_right or kind.name in {"name", "own"}:
            return self.facts.get((kind.name, thing, speaker))
        shared = [f for key, f in self.facts.items() if key[:2] == (kind.name, thing)]
        return shared[-1] if shared else None
