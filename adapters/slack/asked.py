"""Who asked what, and where: what an answer and a `stop` need to know of it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from adapters.slack.recent import Recent
from bot.values import Inbound, Place

MOST_REMEMBERED = 20_000
REMEMBERED = 86_400.0
REMEMBERED_CHARACTERS = 200
MOST_PLACES = 50


@dataclass(frozen=True, slots=True)
class Asker:
    """Who wrote a message: Slack shows a stream to a person of a team."""

    user: str
    team: str
    words: str
    locale: str = ""


class Asked:
    """Remembers askers by message, and the Places asked at by channel."""

    def __init__(self) -> None:
        self._askers: Recent[tuple[str, str], Asker] = Recent(MOST_REMEMBERED, REMEMBERED)
        self._places: Recent[tuple[str, str], deque[tuple[Place, str]]] = Recent(
            MOST_REMEMBERED, REMEMBERED
        )

    def note(self, inbound: Inbound, team: str) -> None:
        """A message for the bot."""
        place = inbound.place
        words = inbound.text[:REMEMBERED_CHARACTERS]
        asker = Asker(inbound.author.id, team, words, inbound.locale)
        self._askers.put((place.workspace, inbound.message_id), asker)
        key = (place.workspace, place.channel)
        places = self._places.get(key) or deque(maxlen=MOST_PLACES)
        if (question := (place, inbound.author.id)) in places:
            places.remove(question)
        places.append(question)
        self._places.put(key, places)

    def asker(self, workspace: str, message_id: str) -> Asker | None:
        """Who wrote this message; None if it came before the bot was started."""
        return self._askers.get((workspace, message_id))

    def places(self, workspace: str, channel: str, user: str) -> tuple[list[Place], list[Place]]:
        """Where in this channel the bot was asked, newest first: by this person, and by others."""
        questions = list(reversed(self._places.get((workspace, channel)) or ()))
        own = [place for place, asker in questions if asker == user]
        return own, [place for place, _ in questions if place not in own]
