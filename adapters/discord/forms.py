"""Forms as Discord's modals, five fields at a time, and what was written in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import discord

from bot.control.declarations import Kind
from bot.control.response import Button, Field, Form
from bot.control.words import say

MOST_FIELDS = 5
LONGEST_TITLE = 45
LONGEST_HINT = 100
LONGEST_TEXT = 4000
MOST_CHOICES = 25
MORE = "n"
"""Stands with a number before the id of a form: its fields from that number on."""


def id_of(form: Form, offset: int = 0) -> str:
    """The id that uses the form's command; with an offset, the one that opens its next fields."""
    button = Button(form.command, "", reply_id=form.reply_id, arguments=form.arguments)
    return f"{MORE}{offset}:{button.id}" if offset else button.id


def without_offset(custom_id: str) -> tuple[int, str]:
    """The offset in an id, 0 if there is none, and the rest of it."""
    first, colon, rest = custom_id.partition(":")
    number = first.removeprefix(MORE)
    if colon and first.startswith(MORE) and number.isdecimal():
        return int(number), rest
    return 0, custom_id


def fields_of(form: Form) -> tuple[Field, ...]:
    """The fields that a modal can hold; files are given with the slash command."""
    return tuple(one for one in form.fields if one.argument.kind is not Kind.FILE)


def modal_of(
    form: Form,
    locale: str,
    *,
    offset: int = 0,
    custom_id: str = "",
    options: Sequence[tuple[str, str]] = (),
) -> discord.ui.Modal:
    """Five fields of a form. `options` are the choices of its only field, where it has some.

    What has more choices than Discord shows is written.
    """
    fields = fields_of(form)
    left = len(fields) > offset + MOST_FIELDS
    known = custom_id or id_of(form, offset + MOST_FIELDS if left else 0)
    modal = discord.ui.Modal(title=form.title[:LONGEST_TITLE], custom_id=known, timeout=None)
    for field in fields[offset : offset + MOST_FIELDS]:
        choices = options or _choices(field, locale)
        few = 0 < len(choices) <= MOST_CHOICES
        component = _select(field, choices) if few else _input(field)
        label: discord.ui.Label[Any] = discord.ui.Label(
            text=field.label[:LONGEST_TITLE],
            component=component,
            description=field.hint[:LONGEST_HINT] or None,
        )
        modal.add_item(label)
    # What is submitted is known by its id alone: discord.py need not remember any modal.
    modal.stop()
    return modal


def written(components: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """What a submitted modal holds, by its fields' ids."""
    found: dict[str, str] = {}
    for row in components:
        for item in row.get("components") or [row.get("component") or {}]:
            if "custom_id" in item:
                value = item.get("value", (item.get("values") or [""])[0])
                found[item["custom_id"]] = str(value or "")
    return found


def _choices(field: Field, locale: str) -> list[tuple[str, str]]:
    if field.argument.kind is Kind.SWITCH:
        return [("yes", say("setting.on", locale)), ("no", say("setting.off", locale))]
    return [(choice, choice) for choice in field.argument.choices]


def _select(field: Field, choices: Sequence[tuple[str, str]]) -> discord.ui.Select[Any]:
    return discord.ui.Select(
        custom_id=field.argument.name,
        required=field.argument.required,
        min_values=1 if field.argument.required else 0,
        options=[
            discord.SelectOption(label=label[:100], value=value, default=value == field.value)
            for value, label in choices
        ],
    )


def _input(field: Field) -> discord.ui.TextInput[Any]:
    long = field.argument.kind is Kind.LONG_TEXT
    text = field.argument.kind in {Kind.TEXT, Kind.LONG_TEXT}
    most = min(int(field.argument.most or LONGEST_TEXT), LONGEST_TEXT) if text else 100
    return discord.ui.TextInput(
        custom_id=field.argument.name,
        style=discord.TextStyle.paragraph if long else discord.TextStyle.short,
        # A longer text would be cut where the person cannot see it.
        default=field.value if 0 < len(field.value) <= most else None,
        required=field.argument.required,
        max_length=most,
    )
