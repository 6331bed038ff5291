"""A refusal in the reader's language."""

from __future__ import annotations

from bot.control.words import say
from bot.errors import Refused


def refusal(key: str, locale: str, **values: object) -> Refused:
    """Refused with the words of a catalogue key."""
    return Refused(key, notice=say(key, locale, **values))
