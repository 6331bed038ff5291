"""Whole conversations: who speaks, under which persona, what is asked and what is right."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from bot.demo.training import names
from bot.demo.training.grammar import Grammar
from bot.demo.training.intents import Outside, asking_grammar, fill, load_intents
from bot.demo.training.memory import Memory, load_kinds
from bot.demo.training.noise import as_typed
from bot.demo.training.personas import Casting, Character

SWITCHED = 0.2
"""Share of longer dialogues whose persona was set only after some exchanges."""

ASKED_WHO = 0.4
"""How often a bot with a name of its own is asked about itself, so that it learns to say it."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a person said and what the bot answers; `learned` if that is how it should."""

    user: str
    answer: str
    learned: bool = True


@dataclass(frozen=True, slots=True)
class Dialogue:
    """A persona, if there is one, and the exchanges that follow it."""

    persona: str | None
    exchanges: tuple[Exchange, ...]


@dataclass(frozen=True, slots=True)
class Scene:
    """What holds for all exchanges of a dialogue."""

    character: Character
    speakers: tuple[str, ...]
    memory: Memory
    drill: bool


class Playwright:
    """Writes dialogues; the same `rng` state gives the same dialogue."""

    def __init__(self) -> None:
        self._intents = load_intents()
        self._about_itself = [i for i in self._intents if any("{bot}" in say for say in i.say)]
        self._asking = asking_grammar()
        self._outside = Outside()
        self._kinds = load_kinds()
        self._plain = Grammar({})
        self._casting = Casting()

    def lesson(self, rng: Random) -> Dialogue:
        """One short dialogue for the beginning: a single question, or a drill in remembering."""
        persona = rng.random() < 0.25
        scene = Scene(
            character=self._casting.draw(rng) if persona else Character(None),
            speakers=_speakers(rng),
            memory=Memory(self._kinds, self._plain),
            drill=rng.random() < 0.25,
        )
        length = rng.randrange(2, 5) if scene.drill else 1
        exchanges = tuple(self._exchange(scene, rng) for _ in range(length))
        return Dialogue(scene.character.text, exchanges)

    def write(self, rng: Random) -> Dialogue:
        """One dialogue."""
        scene = Scene(
            character=self._casting.draw(rng),
            speakers=_speakers(rng),
            memory=Memory(self._kinds, self._plain),
            drill=rng.random() < 0.25,
        )
        length = _length(rng)
        before = self._before(scene, rng) if length > 1 and rng.random() < SWITCHED else None
        switch = rng.randrange(1, length) if before else 0
        exchanges = tuple(
            replace(self._exchange(before, rng), learned=False)
            if before and place < switch
            else self._exchange(scene, rng)
            for place in range(length)
        )
        return Dialogue(scene.character.text, exchanges)

    def _before(self, scene: Scene, rng: Random) -> Scene:
        """The same conversation before its persona was set: older answers have another manner."""
        plain = Character(None)
        other = plain if rng.random() < 0.7 else self._casting.draw(rng)
        return replace(scene, character=other)

    def _exchange(self, scene: Scene, rng: Random) -> Exchange:
        speaker = rng.choice(scene.speakers)
        text, answer, short = self._talk(scene, speaker, rng)
        if speaker:
            text = f"{speaker}: {text}"
        return Exchange(text, scene.character.say(answer, short, rng))

    def _talk(self, scene: Scene, speaker: str, rng: Random) -> tuple[str, str, str]:
        draw = rng.random()
        if scene.drill or draw < 0.2:
            return self._remember(scene.memory, speaker, rng)
        if draw < 0.34:
            return as_typed(self._outside.ask(rng), rng), self._outside.decline, ""
        return self._ask(scene, speaker, rng)

    def _remember(self, memory: Memory, speaker: str, rng: Random) -> tuple[str, str, str]:
        telling = rng.random() < (0.4 if memory.facts else 0.75)
        line = (memory.tell if telling else memory.ask)(speaker, rng)
        return fill(as_typed(line.said, rng, statement=telling), line.slots), line.answer, ""

    def _ask(self, scene: Scene, speaker: str, rng: Random) -> tuple[str, str, str]:
        named = scene.character.name != Character(None).name
        asks_who = named and rng.random() < ASKED_WHO
        intent = rng.choice(self._about_itself if asks_who else self._intents)
        said = self._asking.expand(rng.choice(intent.ask), rng)
        known = scene.memory.name_of(speaker)
        slots = {"bot": scene.character.name, "who": f", {known}" if known else ""}
        answer = fill(rng.choice(intent.say), slots)
        return as_typed(said, rng), answer, fill(intent.short, slots)


def _speakers(rng: Random) -> tuple[str, ...]:
    """Display names in a shared place; one empty name in a private one."""
    if rng.random() < 0.65:
        return ("",)
    return tuple(names.display_name(rng) for _ in range(rng.choice([1, 1, 2, 2, 3])))


def _length(rng: Random) -> int:
    draw = rng.random()
    if draw < 0.8:
        return rng.randrange(1, 6)
    return rng.randrange(6, 13) if draw < 0.97 else rng.randrange(13, 28)
