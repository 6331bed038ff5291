"""What the bot says in its own words when an answer does not come as it should."""

from __future__ import annotations

from bot.control.words import ENGLISH, catalogue, say
from bot.errors import QuipuError
from bot.values import Waiting


def explained(text: str, notice: str) -> str:
    """What was written so far, and why it does not go on."""
    return f"{text.rstrip()}\n\n*({notice})*" if text.strip() else f"*({notice})*"


def told(error: QuipuError, locale: str) -> str:
    """What a person reads of an error: its own words, or those for its kind in their language."""
    if "notice" in vars(error):
        return error.notice
    keys = (f"conversation.failure.{kind.__name__}" for kind in type(error).__mro__)
    known = catalogue(ENGLISH)
    return next((say(key, locale) for key in keys if key in known), error.notice)


def queued(waiting: Waiting, locale: str) -> str:
    """The place in the queue in words; nothing once the answer is being written."""
    if waiting.place <= 0:
        return ""
    if waiting.seconds is None:
        return say("conversation.queued", locale, place=waiting.place)
    seconds = max(1, round(waiting.seconds))
    if seconds < 90:
        return say("conversation.queued_seconds", locale, place=waiting.place, seconds=seconds)
    minutes = round(seconds / 60)
    return say("conversation.queued_minutes", locale, place=waiting.place, minutes=minutes)
