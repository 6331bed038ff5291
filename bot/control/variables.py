"""What `{date}`, `{channel}` and their like stand for in a persona, filled in for each prompt."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from bot import plain
from bot.ports import Personas
from bot.values import Author, Inbound, Persona, Place

VARIABLE = re.compile(r"\{(channel|server|date|time|weekday|user)\}")
"""Other braces stay as they are written."""

WORD = re.compile(r"\{[a-z][a-z_]{1,19}\}")

LONGEST_NAME = 32
REMEMBERED = 4096
"""Places whose names are kept in memory; the platform tells them with every message."""

STEP = 15
"""Minutes in which `{time}` does not change, so that prompts keep their beginning for a while."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the people of a place call it, and to whom it is spoken: at first who spoke last."""

    channel: str = ""
    server: str = ""
    user: str = ""


def unknown_variables(text: str) -> list[str]:
    """What looks like a variable and is none, in order of appearance, each once."""
    return list(dict.fromkeys(found for found in WORD.findall(text) if not VARIABLE.match(found)))


class Heard:
    """The names of places, as their latest messages told them."""

    def __init__(self) -> None:
        self._names: OrderedDict[str, Names] = OrderedDict()

    def note(self, inbound: Inbound) -> None:
        """Remember what a message tells."""
        names = Names(inbound.channel_name, inbound.workspace_name, inbound.author.name)
        self._names[inbound.place.id] = names
        self._names.move_to_end(inbound.place.id)
        while len(self._names) > REMEMBERED:
            self._names.popitem(last=False)

    def names(self, place: Place) -> Names:
        """What is known of a place."""
        return self._names.get(place.id, Names())


class SpokenPersonas:
    """Implements the Personas port over another one, with variables filled in where it shows."""

    def __init__(
        self,
        personas: Personas,
        heard: Heard,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._personas = personas
        self._heard = heard
        self._now = now

    async def show(self, place: Place, author: Author | None = None) -> Persona:
        """The persona as the model reads it; others may have spoken since the author asked."""
        persona = await self._personas.show(place)
        return replace(persona, text=self.filled(persona.text, place, author))

    async def written(self, place: Place) -> Persona:
        """The persona as it was written."""
        return await self._personas.show(place)

    async def set(self, place: Place, text: str, author: Author) -> Persona:
        return await self._personas.set(place, text, author)

    async def clear(self, place: Place, author: Author) -> Persona:
        return await self._personas.clear(place, author)

    def filled(self, text: str, place: Place, author: Author | None = None) -> str:
        """The text with its variables; a name that is not known is said in general words."""
        names = self._heard.names(place)
        if author is not None:
            names = replace(names, user=author.name)
        return filled(text, values(names, self._now()))


def values(names: Names, now: datetime) -> dict[str, str]:
    """What each variable stands for."""
    now = now.astimezone(UTC)
    return {
        "channel": plain.name(names.channel) or "this channel",
        "server": plain.name(names.server) or "this server",
        # Anybody can choose what they are called; the persona is not theirs to write.
        "user": plain.quoted(plain.name(names.user, LONGEST_NAME)) if names.user else "the user",
        "date": f"{now.day} {now:%B %Y}",
        "weekday": f"{now:%A}",
        "time": f"{now.hour:02}:{now.minute // STEP * STEP:02} UTC",
    }


def filled(text: str, known: Mapping[str, str]) -> str:
    """The text with its variables; what they stand for is not looked into again."""
    return VARIABLE.sub(lambda found: known[found[1]], text)
