"""The window in which a long persona is written, as Slack's blocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CALLBACK = "quipu_persona"
BLOCK, FIELD = "persona", "text"
LONGEST = 3000
"""Characters that an input of Slack's takes."""
PLACEHOLDER = "You are a patient teacher who answers in two sentences."


def persona_modal(channel: str, present: str) -> dict[str, Any]:
    """The window for a channel, beginning with its present persona if that fits."""
    field: dict[str, Any] = {
        "type": "plain_text_input",
        "action_id": FIELD,
        "multiline": True,
        "max_length": LONGEST,
        "placeholder": _plain(PLACEHOLDER),
    }
    if 0 < len(present) <= LONGEST:
        field["initial_value"] = present
    label = _plain("How should I be here?")
    return {
        "type": "modal",
        "callback_id": CALLBACK,
        "private_metadata": channel,
        "title": _plain("Persona"),
        "submit": _plain("Save"),
        "close": _plain("Cancel"),
        "blocks": [{"type": "input", "block_id": BLOCK, "label": label, "element": field}],
    }


def submitted(view: Mapping[str, Any]) -> tuple[str, str]:
    """The channel and the text of a submitted window."""
    value = view["state"]["values"][BLOCK][FIELD].get("value")
    return str(view["private_metadata"]), str(value or "")


def done(words: str) -> dict[str, Any]:
    """What the window becomes when the persona is saved."""
    text = {"type": "mrkdwn", "text": f"Done. {words.rstrip(':')}."}
    return {
        "type": "modal",
        "title": _plain("Persona"),
        "close": _plain("Close"),
        "blocks": [{"type": "section", "text": text}],
    }


def refused(notice: str) -> dict[str, Any]:
    """The window stays open, and says below the field why."""
    return {"response_action": "errors", "errors": {BLOCK: notice}}


def _plain(text: str) -> dict[str, str]:
    return {"type": "plain_text", "text": text}
