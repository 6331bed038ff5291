"""Buttons below messages, and the ids by which they are known again after a restart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import discord
import structlog

from bot.control.response import LONGEST_ID, Button

log = structlog.get_logger(__name__)

PER_ROW = 5
ROWS = 5
LONGEST_LABEL = 80

View = discord.ui.View
Item = discord.ui.Item[Any]


def view_of(items: Iterable[Item]) -> View | None:
    """The items as a message's components; None without any."""
    view = View(timeout=None)
    for item in items:
        view.add_item(item)
    # What is pressed is known by its id alone: discord.py need not remember any view.
    view.stop()
    return view if view.children else None


def buttons_of(buttons: Sequence[Button], row: int = 0) -> list[Item]:
    """Buttons in rows of five, from this row on; what has no room is left out."""
    fitting = [button for button in buttons if len(button.id) <= LONGEST_ID]
    room = PER_ROW * (ROWS - row)
    if len(fitting[:room]) < len(buttons):
        log.warning("discord.buttons_left_out", ids=[button.id for button in buttons])
    return [_button(button, row + at // PER_ROW) for at, button in enumerate(fitting[:room])]


def _button(button: Button, row: int) -> Item:
    style = discord.ButtonStyle.danger if button.danger else discord.ButtonStyle.secondary
    emoji = button.emoji or None
    # Discord wants something to be seen on a button.
    label = button.label[:LONGEST_LABEL] or (None if emoji else button.command[-1])
    return discord.ui.Button(
        style=style, label=label, emoji=emoji, custom_id=button.id, row=min(row, ROWS - 1)
    )


def plain_button(label: str, custom_id: str, row: int | None = None) -> Item:
    """A button of this adapter's own."""
    return discord.ui.Button(label=label[:LONGEST_LABEL], custom_id=custom_id, row=row)
