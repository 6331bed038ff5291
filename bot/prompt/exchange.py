"""Turns grouped into exchanges: what people said, then what the bot answered."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace

from bot import plain
from bot.values import Author, Role, Turn

NAME_LENGTH = 32
NAMELESS = "Someone"
COLONS = ":：﹕︓∶꞉ː"
_COLON = re.compile(f"[{COLONS}]")
_SPOKEN_LINE = re.compile(rf"\n([^\n{COLONS}]{{1,100}})[{COLONS}]")
"""A line that could pass for what somebody else said."""

UNFINISHED = "\ufffd \t\r\n"
"""What an answer that was cut may end with: half a character, or white space, which the next token
brings itself."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What people said and the bot's answer to it (None: it is the answer to be written).

    The answer to be written may have been `begun`: then the prompt ends with that.
    """

    said: str
    answer: str | None
    turns: int
    speakers: tuple[str, ...] = ()
    begun: str = ""


def group(turns: Sequence[Turn], *, names: bool) -> list[Exchange]:
    """Turns in order, as exchanges; several in a row of one role become one, a line each.

    With `names` each turn of a known person begins with the speaker's name, which is nobody
    else's. A conversation that begins with the bot gets an exchange in which nothing was said.
    """
    exchanges: list[Exchange] = []
    voices = _voices(turns) if names else {}
    for turn in turns:
        last = exchanges[-1] if exchanges else None
        if turn.role is Role.USER:
            exchange = _said(turn, voices)
            if last and last.answer is None:
                exchanges[-1] = _together(last, exchange)
            else:
                exchanges.append(exchange)
        elif last is None:
            exchanges.append(Exchange("", turn.text.strip(), 1))
        else:
            answer = turn.text.strip()
            if last.answer is not None:
                answer = f"{last.answer}\n{answer}"
            exchanges[-1] = replace(last, answer=answer, turns=last.turns + 1)
    return exchanges


def speaker(author: Author) -> str:
    """A display name made harmless: one line, nothing invisible, no colon, not long."""
    return plain.name(_COLON.sub(" ", author.name), NAME_LENGTH) or NAMELESS


def _voices(turns: Sequence[Turn]) -> dict[str, str]:
    """What each author is called in the prompt; of those who look alike the later ones have a
    number, so that nobody can speak in the name of somebody who was there before."""
    voices: dict[str, str] = {}
    taken: dict[str, int] = {}
    for author in (turn.author for turn in turns if turn.role is Role.USER and turn.author):
        if author.id in voices:
            continue
        name = speaker(author)
        likeness = plain.likeness(name)
        number = taken[likeness] = taken.get(likeness, 0) + 1
        while number > 1 and plain.likeness(f"{name} ({number})") in taken:
            number = taken[likeness] = number + 1
        voices[author.id] = name if number == 1 else f"{name} ({number})"
        taken.setdefault(plain.likeness(voices[author.id]), 1)
    return voices


def _said(turn: Turn, voices: Mapping[str, str]) -> Exchange:
    name = voices.get(turn.author.id) if turn.author else None
    if name is None:
        return Exchange(turn.text, None, 1)
    words = _own_words(turn.text.strip(), frozenset(map(plain.likeness, voices.values())))
    return Exchange(f"{name}: {words}", None, 1, (name,))


def _own_words(text: str, speakers: AbstractSet[str]) -> str:
    """The text, in which a line that begins with a speaker's name is shown as a quotation."""

    def marked(found: re.Match[str]) -> str:
        forged = plain.likeness(found[1]) in speakers
        return f"\n> {found[0][1:]}" if forged else found[0]

    return _SPOKEN_LINE.sub(marked, text)


def _together(first: Exchange, second: Exchange) -> Exchange:
    speakers = first.speakers + tuple(s for s in second.speakers if s not in first.speakers)
    said = f"{first.said}\n{second.said}"
    return Exchange(said, None, first.turns + second.turns, speakers)
