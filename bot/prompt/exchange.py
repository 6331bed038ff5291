"""Turns grouped into exchanges: what people said, then what the bot answered."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace

import regex

from bot.values import Author, Role, Turn

NAME_LENGTH = 32
NAMELESS = "Someone"
_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


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

    With `names` each turn of a known person begins with the speaker's name. A conversation that
    begins with the bot gets an exchange in which nothing was said.
    """
    exchanges: list[Exchange] = []
    for turn in turns:
        last = exchanges[-1] if exchanges else None
        if turn.role is Role.USER:
            exchange = _said(turn, names=names)
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
    name = unicodedata.normalize("NFC", author.name)
    # A bidirectional mark or a new line in a name could pass for somebody else's turn.
    seen = "".join(" " if unicodedata.category(c) in _UNSEEN else c for c in name)
    plain = " ".join(seen.replace(":", " ").split())
    return "".join(regex.findall(r"\X", plain)[:NAME_LENGTH]) or NAMELESS


def _said(turn: Turn, *, names: bool) -> Exchange:
    if not names or turn.author is None:
        return Exchange(turn.text, None, 1)
    name = speaker(turn.author)
    return Exchange(f"{name}: {turn.text.strip()}", None, 1, (name,))


def _together(first: Exchange, second: Exchange) -> Exchange:
    speakers = first.speakers + tuple(s for s in second.speakers if s not in first.speakers)
    said = f"{first.said}\n{second.said}"
    return Exchange(said, None, first.turns + second.turns, speakers)
