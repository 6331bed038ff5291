"""How people really type: greetings around the question, casing, missing signs, typos."""

from __future__ import annotations

from random import Random
from typing import Any

from bot.demo.training import names
from bot.demo.training.words import phrasing


def _typing(name: str) -> Any:
    return phrasing("typing")[name]


def as_typed(text: str, rng: Random, *, statement: bool = False) -> str:
    """The phrase as some person would type it; open `{slots}` stay as they are."""
    text = _surrounded(_reworded(text, rng), rng)
    if rng.random() < 0.12:
        text = _shortened(text, rng)
    text = _cased(text, rng)
    text += rng.choice(["", ".", ".", "!"]) if statement else _ending(text, rng)
    if rng.random() < 0.13:
        text = _mistyped(text, rng)
    return text


def _reworded(text: str, rng: Random) -> str:
    """With a filler put in, a small word left out or a purpose of no importance added."""
    words, draw = text.split(" "), rng.random()
    if len(words) < 3 or "{" in text:
        return text
    place = rng.randrange(1, len(words))
    if draw < 0.14:
        words.insert(place, rng.choice(_typing("fillers")))
    elif draw < 0.2 and words[place] in _typing("small"):
        del words[place]
    elif draw < 0.23:
        words.append(rng.choice(_typing("purposes")).format(names.word(rng).capitalize()))
    return " ".join(words)


def _surrounded(text: str, rng: Random) -> str:
    if rng.random() < 0.2:
        text = f"{rng.choice(_typing('before'))} {text}"
    if rng.random() < 0.13:
        text = f"{text}{rng.choice([' ', ', '])}{rng.choice(_typing('after'))}"
    draw = rng.random()
    if draw < 0.05:
        text = f"{rng.choice(_typing('sentences'))} {text}"
    elif draw < 0.07:
        text = (
            f"{names.name(rng)} {rng.choice(['asks', 'wants to know', 'told me to ask'])}: {text}"
        )
    return text


def _shortened(text: str, rng: Random) -> str:
    for long, short in _typing("shortened").items():
        if rng.random() < 0.6:
            text = f" {text} ".replace(f" {long} ", f" {short} ").strip()
    return text


def _cased(text: str, rng: Random) -> str:
    draw = rng.random()
    if draw < 0.35:
        return text
    if draw < 0.38 and "{" not in text:
        return text.upper()
    text = " ".join(_typing("proper").get(word, word) for word in text.split(" "))
    return text[:1].upper() + text[1:] if draw < 0.93 else text


def _ending(text: str, rng: Random) -> str:
    if text[-1:] in ".!?:":
        return ""
    ends = ["", "?", "?", "?", "?", ".", "!", "??", " ?", "...", "?!"]
    return rng.choices(ends, weights=[6, 4, 4, 4, 2, 2, 1, 0.5, 0.5, 0.3, 0.2])[0]


def _mistyped(text: str, rng: Random) -> str:
    words = text.split(" ")
    place = rng.randrange(len(words))
    words[place] = _typo(words[place], rng)
    return " ".join(words)


def _typo(word: str, rng: Random) -> str:
    if len(word) < 4 or "{" in word or word.startswith(("/", "@")):
        return word
    place = rng.randrange(1, len(word) - 1)
    head, letter, rest = word[:place], word[place], word[place + 1 :]
    return rng.choice([head + rest, head + letter * 2 + rest, head + rest[:1] + letter + rest[1:]])
