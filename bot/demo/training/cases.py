"""The measured conversations: held-out words, and the rule by which an answer is right."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from bot.demo.training.words import phrasing

HELD_OUT = Path(__file__).parent / "heldout.toml"
DECLINE = r"demonstration model and do not know that.*model\.name"
BEYOND = ("outside", "memory")
STEADY = ("where_messages", "add_discord", "which_model", "licence", "gpu", "set_persona")
ONE_SENTENCE = ("where_messages", "which_model", "licence", "gpu", "delete_messages", "cost")


@dataclass(frozen=True, slots=True)
class Case:
    """A conversation whose last answer is judged: it must match all of `right`, none of `wrong`."""

    group: str
    persona: str | None
    says: tuple[str, ...]
    right: tuple[str, ...]
    wrong: tuple[str, ...] = ()
    one_sentence: bool = False

    def judge(self, answer: str) -> bool:
        """Whether the answer is right."""
        flags = re.IGNORECASE | re.DOTALL
        return (
            all(re.search(rule, answer, flags) for rule in self.right)
            and not any(re.search(rule, answer, flags) for rule in self.wrong)
            and (not self.one_sentence or sentences(answer) == 1)
        )

    def in_manner(self, answer: str) -> bool:
        """Whether the answer keeps the manner, which is the first rule where there is one."""
        return bool(re.search(self.right[0], answer, re.IGNORECASE | re.DOTALL))


def sentences(answer: str) -> int:
    """How many sentences end in the text; a dot within a word ends none."""
    return len(re.findall(r"[.!?]+(?=\s|$)", answer))


class HeldOut:
    """The held-out file, as cases; `part` is `ask`, or `tune` for what grammars were widened by."""

    def __init__(self, part: str = "ask") -> None:
        self._raw: dict[str, Any] = tomllib.loads(HELD_OUT.read_text("utf-8"))
        self._part = part
        self._persona: str = phrasing("persona_texts")["default"]

    @property
    def intents(self) -> tuple[str, ...]:
        """The intents that are measured."""
        return tuple(n for n in self._raw if n not in BEYOND and not n.startswith("persona_"))

    def asked(self, name: str) -> list[str]:
        """The questions of an intent."""
        found: list[str] = self._raw[name][self._part]
        return found

    def questions(self) -> Iterator[str]:
        """Every question of the part: what training must not hold, if it is `ask`."""
        for name in (*self.intents, "outside"):
            yield from self.asked(name)

    def cases(self) -> list[Case]:
        """All cases of the part; personas and memory have no part for tuning."""
        cases = [*self._direct(), *self._in_channel(), *self._outside()]
        if self._part == "ask":
            cases += [*self._manners(), *self._one_sentence(), *self._named(), *self._memory()]
        return cases

    def _asked(self) -> Iterator[tuple[str, str]]:
        for name in self.intents:
            for text in self.asked(name):
                yield name, text

    def _direct(self) -> Iterator[Case]:
        for name, text in self._asked():
            yield Case("intent, first message of a DM", self._persona, (text,), *self._rule(name))

    def _in_channel(self) -> Iterator[Case]:
        before = cycle(["Mia: hello", "Jonas: What can you do?", "Ann: tell me a joke"])
        speakers = cycle(["Mia", "Jonas", "tobi_77", "Dr. Weber"])
        for name, text in self._asked():
            says = (next(before), f"{next(speakers)}: {text}")
            yield Case("intent, in a channel", self._persona, says, *self._rule(name))

    def _rule(self, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return (self._raw[name]["right"],), (DECLINE,)

    def _outside(self) -> Iterator[Case]:
        for text in self.asked("outside"):
            yield Case("outside: declines", self._persona, (text,), (DECLINE,))

    def _manners(self) -> Iterator[Case]:
        for manner in phrasing("personas"):
            entry = self._raw[f"persona_{manner}"]
            for text in entry["ask"]:
                for name in STEADY:
                    right = (entry["right"], self._raw[name]["right"])
                    yield Case(f"manner: {manner}", text, (self._raw[name]["ask"][0],), right)

    def _one_sentence(self) -> Iterator[Case]:
        for text in self._raw["persona_one_sentence"]["ask"]:
            for name in ONE_SENTENCE:
                says, right = (self._raw[name]["ask"][1],), (self._raw[name]["right"],)
                yield Case("one sentence", text, says, right, one_sentence=True)

    def _named(self) -> Iterator[Case]:
        names = cycle(self._raw["memory"]["names"])
        for text in self._raw["persona_named"]["ask"]:
            for question in self._raw["who_are_you"]["ask"]:
                name = next(names)
                persona = text.replace("{name}", name)
                yield Case("named by the persona", persona, (question,), (rf"\b{name}\b",))

    def _memory(self) -> Iterator[Case]:
        entry = self._raw["memory"]
        for kind, values in (("name", entry["names"]), ("fact", entry["values"])):
            between = cycle(entry["between"])
            for tell, ask in entry[kind]:
                for value in values if "{v}" in tell else values[:2]:
                    said = tell.replace("{v}", value)
                    digits = re.findall(r"\d[\d:]*", tell)
                    right = (re.escape(digits[0] if digits else value),)
                    yield Case(
                        f"remembers a {kind}, asked at once", self._persona, (said, ask), right
                    )
                    says = (said, next(between), next(between), ask)
                    yield Case(
                        f"remembers a {kind}, two questions later", self._persona, says, right
                    )
