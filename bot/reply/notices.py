"""What the bot says in its own words when an answer does not come as it should."""

from __future__ import annotations

INTERRUPTED = "I was interrupted here. Please ask me again."
STOPPED = "Stopped."
NOTHING = "I have nothing to say to that."


def explained(text: str, notice: str) -> str:
    """What was written so far, and why it does not go on."""
    return f"{text.rstrip()}\n\n*({notice})*" if text.strip() else f"*({notice})*"
