"""Versions of a persona as the history shows them."""

from __future__ import annotations

from datetime import UTC
from difflib import unified_diff

from bot import plain
from bot.control.response import Button, Call
from bot.control.words import say
from bot.values import Persona

DIFFERENCE = 500
"""Characters of a difference that are shown."""

BROKEN_FENCE = "`\N{ZERO WIDTH SPACE}`\N{ZERO WIDTH SPACE}`"


def told(call: Call, new: Persona, old: Persona) -> str:
    """A version with who, when, and what it changed."""
    head = f"**{new.version}** · {plain.shown(new.set_by) or '–'} · {at(new)}"
    if not new.text:
        key = "was_cleared" if new.cleared else "was_deleted"
        return f"{head} · {say(f'persona.{key}', call.locale)}"
    difference = _difference(old.text, new.text)
    return f"{head}\n{fenced(difference, 'diff')}" if difference else head


def _difference(old: str, new: str) -> str:
    lines = list(unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=0))
    text = "\n".join(line for line in lines[2:] if not line.startswith("@@"))
    return text if len(text) <= DIFFERENCE else f"{text[:DIFFERENCE]}…"


def restoring(call: Call, persona: Persona) -> Button:
    """The button that sets a version again."""
    return Button(
        ("persona", "restore"),
        say("persona.restore", call.locale, version=persona.version),
        arguments=(("version", str(persona.version)),),
    )


def fenced(text: str, language: str = "") -> str:
    """A block that the text cannot end."""
    return f"```{language}\n{text.replace('```', BROKEN_FENCE)}\n```"


def at(persona: Persona) -> str:
    """When it was set."""
    return "–" if persona.set_at is None else f"{persona.set_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
