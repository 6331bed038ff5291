"""What people ask, read from the phrasing files: intents with their answers, and the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from bot.demo.training import names
from bot.demo.training.grammar import Grammar
from bot.demo.training.words import PHRASINGS, phrasing

INTENT_FILES = ("basics", "quipu", "persona", "model")


@dataclass(frozen=True, slots=True)
class Intent:
    """One thing that people ask, in patterns, and what the bot says to it.

    The first sentence of an answer can stand alone, or else `short` does.
    """

    name: str
    ask: tuple[str, ...]
    say: tuple[str, ...]
    short: str = ""


def load_intents() -> tuple[Intent, ...]:
    """All intents of the phrasing files."""
    entries = [entry for name in INTENT_FILES for entry in phrasing(name).items()]
    return tuple(
        Intent(name, tuple(raw["ask"]), tuple(raw["say"]), raw.get("short", ""))
        for name, raw in entries
    )


def asking_grammar() -> Grammar:
    """The grammar of the intents' patterns."""
    return Grammar(phrasing("words"))


class Outside:
    """Questions that the demonstration cannot answer, and its way to decline."""

    def __init__(self) -> None:
        raw = phrasing("outside")
        self._grammar = Grammar(raw["words"])
        self._ask: list[str] = raw["ask"]
        self._foreign = (PHRASINGS / "foreign_words.txt").read_text("utf-8").splitlines()
        self.decline: str = raw["say"][0]

    def ask(self, rng: Random) -> str:
        """A question from outside, or no sensible text at all."""
        draw = rng.random()
        if draw < 0.06:
            return gibberish(rng)
        if draw < 0.12:
            words = rng.choice(self._foreign).split()
            return " ".join(rng.choices(words, k=rng.randrange(2, 9)))
        text = self._grammar.expand(rng.choice(self._ask), rng)
        if rng.random() < 0.12:
            text = with_made_up_word(text, rng)
        return text.replace("{gibberish}", gibberish(rng))


def with_made_up_word(text: str, rng: Random) -> str:
    """The text with its last word replaced by one that nobody knows."""
    head, _, _ = text.rpartition(" ")
    return f"{head} {names.word(rng)}" if head else names.word(rng)


def gibberish(rng: Random) -> str:
    """Typing without sense: keys, syllables or signs."""
    draw = rng.random()
    if draw < 0.4:
        row = rng.choice(["asdfghjkl", "qwertzuiop", "abcdefghijklmnopqrstuvwxyz", "jkljklfd"])
        return " ".join(
            "".join(rng.choices(row, k=rng.randrange(3, 12))) for _ in range(rng.randrange(1, 4))
        )
    if draw < 0.8:
        return " ".join(names.word(rng) for _ in range(rng.randrange(1, 7)))
    return "".join(rng.choices("?!#.,;:+*/&%$0123456789()", k=rng.randrange(2, 12)))


def fill(answer: str, slots: Mapping[str, str]) -> str:
    """The answer with its `{slots}` filled; other braces stay."""
    for slot, text in slots.items():
        answer = answer.replace("{" + slot + "}", text)
    return answer
