"""What the bot says in its own words when an answer does not come as it should."""

from __future__ import annotations

from bot.control.words import say
from bot.values import Waiting


def explained(text: str, notice: str) -> str:
    """What was written so far, and why it does not go on."""
    return f"{text.rstrip()}\n\n*({notice})*" if text.strip() else f"*({notice})*"


def queued(waiting: Waiting, locale: str) -> str:
    """What is waited for in words; nothing once the answer is being written."""
    if waiting.halted:
        return say("conversation.halted", locale)
    if waiting.waking and waiting.seconds is not None:
        seconds = max(1, round(waiting.seconds))
        return say("conversation.waking_seconds", locale, title=waiting.waking, seconds=seconds)
    if waiting.waking:
        return say("conversation.waking", locale, title=waiting.waking)
    if waiting.place <= 0:
        return ""
    if waiting.seconds is None:
        return say("conversation.queued", locale, place=waiting.place)
    seconds = max(1, round(waiting.seconds))
    if seconds < 90:
        return say("conversation.queued_seconds", locale, place=waiting.place, seconds=seconds)
    minutes = round(seconds / 60)
    return say("conversation.queued_minutes", locale, place=waiting.place, minutes=minutes)
