"""Made-up names and values: built from syllables, so that copying cannot be learned by heart."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from bot.demo.training.words import phrasing


def _list(name: str) -> list[str]:
    found: list[str] = phrasing("names")[name]
    return found


def word(rng: Random, syllables: tuple[int, ...] = (1, 2, 2, 2, 3, 3)) -> str:
    """A word that no language has, most likely."""
    made = "".join(
        "".join(rng.choice(_list(part)) for part in ("onsets", "vowels", "codas"))
        for _ in range(rng.choice(syllables))
    )
    return made if len(made) > 2 else word(rng, syllables)


def name(rng: Random) -> str:
    """A person's or a pet's name."""
    draw = rng.random()
    if draw < 0.2:
        return rng.choice(_list("given"))
    if draw < 0.9:
        return word(rng).capitalize()
    return f"{word(rng).capitalize()} {word(rng).capitalize()}"


def display_name(rng: Random) -> str:
    """A name as platforms show it before a message; some people are playful."""
    draw = rng.random()
    if draw < 0.35:
        return rng.choice(_list("given"))
    if draw < 0.8:
        return name(rng)
    base = rng.choice([rng.choice(_list("given")).lower(), word(rng)])
    return base + rng.choice(["", str(rng.randrange(100)), f"_{rng.randrange(1000)}", "_x", ".dev"])


def _value(rng: Random) -> str:
    draw = rng.random()
    if draw < 0.15:
        return rng.choice(_list("colours"))
    if draw < 0.35:
        return rng.choice(_list("things"))
    if draw < 0.42:
        return str(rng.randrange(2, 10000))
    if draw < 0.52:
        colour = rng.choice([*_list("colours"), word(rng)])
        return f"{colour} {rng.choice([*_list('things'), word(rng)])}"
    made = word(rng)
    return made.capitalize() if rng.random() < 0.3 else made


def _time(rng: Random) -> str:
    draw = rng.random()
    if draw < 0.4:
        return rng.choice(_list("numbers"))
    if draw < 0.7:
        return f"{rng.randrange(24)}:{rng.randrange(60):02}"
    return f"{rng.randrange(1, 13)}{rng.choice(['', ' am', ' pm', ' o clock'])}"


def _job(rng: Random) -> str:
    draw = rng.random()
    if draw < 0.5:
        return rng.choice(_list("jobs"))
    return word(rng) + rng.choice(["er", "ist", "", " maker", " " + rng.choice(_list("jobs"))])


def _liking(rng: Random) -> str:
    draw = rng.random()
    if draw < 0.4:
        return rng.choice(_list("things"))
    return word(rng) + rng.choice(["s", "ing", "", " cakes"])


def _date(rng: Random) -> str:
    day, month = rng.randrange(1, 32), rng.choice(_list("months"))
    return rng.choice([f"{day} {month}", f"{month} {day}", f"the {day} of {month}"])


KINDS: dict[str, Callable[[Random], str]] = {
    "name": name,
    "value": _value,
    "town": lambda rng: word(rng).capitalize() + rng.choice(["", "", "", " City", "ville", "burg"]),
    "job": _job,
    "count": lambda rng: str(rng.randrange(5, 100)),
    "time": _time,
    "liking": _liking,
    "date": _date,
    "spot": lambda rng: rng.choice(
        [rng.choice(_list("spots")), f"{rng.choice(['in', 'on'])} the {word(rng)}"]
    ),
}


def value(kind: str, rng: Random) -> str:
    """A value of one of `KINDS`."""
    return KINDS[kind](rng)
