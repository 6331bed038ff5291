"""Texts and buttons as Slack's blocks, and what a pressed button says."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Any

from adapters.slack.markup import escaped, pointing
from adapters.slack.pings import harmless
from bot.control.response import Button

Json = dict[str, Any]

PRESSED = re.compile(r"^q:")
"""The action ids of our own buttons begin so."""
PLACE = re.compile(r"^q:(\d+\.\d+)?:\d+$")
"""The block ids of our own buttons, with the thread of their Place, if it has one."""

LONGEST_MARKDOWN = 11_500
"""Slack takes 12,000 characters in all Markdown blocks of a message."""
LONGEST_SECTION = 3000
LONGEST_FALLBACK = 300
LONGEST_LABEL = 75
MOST_IN_ROW = 25
MOST_BUTTONS = 100
RATING = ("rate",)


def plain(text: str, most: int = LONGEST_LABEL) -> Json:
    """A text object without markup."""
    return {"type": "plain_text", "text": cut(text, most), "emoji": True}


def cut(text: str, most: int) -> str:
    """The text, shortened to so many characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def markdown(text: str) -> Json:
    """Markdown in a message; it pings nobody."""
    return {"type": "markdown", "text": harmless(text)}


def section(text: str) -> Json:
    """Markdown in a window, where Slack knows only its own markup."""
    shown = re.sub(r"\*\*(.+?)\*\*", r"*\1*", escaped(text))
    return {"type": "section", "text": {"type": "mrkdwn", "text": cut(shown, LONGEST_SECTION)}}


def fallback(text: str) -> str:
    """What notifications say of a message that consists of blocks."""
    return cut(harmless(" ".join(text.split())), LONGEST_FALLBACK)


def chunks(text: str) -> list[str]:
    """A text in pieces that a message holds, cut between lines where that can be."""
    found = []
    while len(text) > LONGEST_MARKDOWN:
        end = text.rfind("\n", LONGEST_MARKDOWN // 2, LONGEST_MARKDOWN)
        end = LONGEST_MARKDOWN if end < 0 else end
        found.append(text[:end])
        text = text[end:].lstrip("\n")
    return [*found, text] if text.strip() else found


def messages(text: str, buttons: Sequence[Button] = (), thread: str = "") -> list[Json]:
    """A text with buttons below its end, as the bodies of messages for one person alone."""
    bodies = [_alone(piece) for piece in chunks(text)]
    if rows := rows_of(buttons, thread):
        if not bodies:
            bodies.append({"text": fallback(", ".join(b.label for b in buttons)), "blocks": []})
        bodies[-1]["blocks"] = [*bodies[-1]["blocks"], *rows]
    return bodies


def rows_of(buttons: Iterable[Button], thread: str = "", *, agent: bool = False) -> list[Json]:
    """Blocks with the buttons, which know of which thread their Place is (empty for none).

    In an agent's thread thumbs up and down are Slack's own.
    """
    shown = list(buttons)[:MOST_BUTTONS]
    thumbs = [one for one in shown if one.command == RATING] if agent else []
    if len(thumbs) == 2:
        shown = [one for one in shown if one not in thumbs]
    elements = [_button(one, at) for at, one in enumerate(shown)]
    rows: list[Json] = [
        {"type": "actions", "elements": elements[start : start + MOST_IN_ROW]}
        for start in range(0, len(elements), MOST_IN_ROW)
    ]
    if len(thumbs) == 2:
        rows.append({"type": "context_actions", "elements": [_thumbs(*thumbs)]})
    return [row | {"block_id": f"q:{thread}:{at}"} for at, row in enumerate(rows)]


def thread_said(block_id: str) -> str | None:
    """The thread of the Place that a block of buttons is about; None if it is not one of ours."""
    found = PLACE.match(block_id)
    return (found[1] or "") if found else None


def _alone(text: str) -> Json:
    shown = {"type": "markdown", "text": pointing(harmless(text))}
    return {"text": pointing(fallback(text)), "blocks": [shown]}


def _button(button: Button, at: int) -> Json:
    words = f"{button.emoji} {button.label}".strip()
    shown = {
        "type": "button",
        "action_id": _action_id(button.id, at),
        "text": plain(words),
        "value": button.id,
    }
    return shown | ({"style": "danger"} if button.danger else {})


def _thumbs(up: Button, down: Button) -> Json:
    return {
        "type": "feedback_buttons",
        "action_id": _action_id(up.id, 0),
        "positive_button": {"text": plain(up.label), "value": up.id},
        "negative_button": {"text": plain(down.label), "value": down.id},
    }


def _action_id(button_id: str, at: int) -> str:
    digest = hashlib.sha256(f"{at}:{button_id}".encode()).hexdigest()[:16]
    return f"q:{digest}"
