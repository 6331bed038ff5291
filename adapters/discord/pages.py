"""The page of all settings as one message: one group of them at a time, with selects and buttons.

Everything that a press needs is in the ids, so a page works after a restart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import discord

from adapters.discord.components import PER_ROW, ROWS, Item, plain_button
from bot.control.declarations import Argument
from bot.control.response import Field, Form, Given, Page
from bot.control.response import Item as Setting
from bot.control.words import say

PREFIX = "p"
GROUP, CHOOSE, WRITE = "g", "c", "w"
MOST_OPTIONS = 25
LONGEST_LABEL = 100
LONGEST_PLACEHOLDER = 150


@dataclass(frozen=True, slots=True)
class Mark:
    """What one control of a page does: show a group, or change a setting.

    `page` is the command that shows the page, `command` with `argument` the one that changes, and
    `where` what for, as an item has it.
    """

    action: str
    page: tuple[str, ...]
    group: int = 0
    command: tuple[str, ...] = ()
    argument: str = ""
    where: str = ""

    @property
    def id(self) -> str:
        """The custom id."""
        page, command = ".".join(self.page), ".".join(self.command)
        parts = [PREFIX, self.action, page, str(self.group), command, self.argument]
        return ":".join([*parts, self.where] if self.where else parts)

    @classmethod
    def read(cls, custom_id: str) -> Mark | None:
        """Read what `id` wrote; None for anything else."""
        parts = custom_id.split(":")
        if len(parts) not in (6, 7) or parts[0] != PREFIX or not parts[3].isdecimal():
            return None
        _, action, page, group, command, argument, *where = parts
        path = tuple(command.split(".")) if command else ()
        return cls(action, tuple(page.split(".")), int(group), path, argument, "".join(where))

    def given(self, value: str) -> dict[str, Given]:
        """The arguments of the command that changes the setting."""
        where: dict[str, Given] = {"where": self.where} if self.where else {}
        return {self.argument: value} | where


def text_of(page: Page, group: int) -> str:
    """The settings of one group with their values, and where those come from."""
    lines = [f"**{page.title}**"]
    if page.groups:
        title, settings = page.groups[_within(page, group)]
        lines.append(f"__{title}__")
        lines += [f"**{one.label}**: {one.shown} · {one.origin}" for one in settings]
    return "\n".join(lines)


def controls_of(page: Page, path: tuple[str, ...], group: int, locale: str) -> list[Item]:
    """A select of the groups, one for each setting with options, and buttons for the others."""
    if not page.groups:
        return []
    group = _within(page, group)
    rows: list[Item] = [_groups(page, path, group, locale)] if len(page.groups) > 1 else []
    settings = page.groups[group][1]
    chosen, others = _shared_out(settings, ROWS - len(rows))
    rows += [_select(one, _mark(CHOOSE, path, group, one)) for one in chosen]
    below = len(rows)
    buttons = [
        plain_button(one.label, _mark(WRITE, path, group, one).id, row=below + at // PER_ROW)
        for at, one in enumerate(others[: PER_ROW * (ROWS - below)])
    ]
    return rows + buttons


def _shared_out(settings: Sequence[Setting], rows: int) -> tuple[list[Setting], list[Setting]]:
    """Those with a select, which takes a row of its own, and those with a button, five in a row."""
    chosen = [one for one in settings if 0 < len(_options(one)) <= MOST_OPTIONS]
    others = [one for one in settings if one not in chosen]
    while chosen and len(chosen) + math.ceil(len(others) / PER_ROW) > rows:
        others.insert(0, chosen.pop())
    return chosen, others


def form_of(page: Page, mark: Mark, locale: str) -> tuple[Form, Sequence[tuple[str, str]]] | None:
    """A form for one setting with its options, where it has some; None if it is gone."""
    settings = page.groups[_within(page, mark.group)][1] if page.groups else ()
    for one in settings:
        if (one.command, one.argument.name) == (mark.command, mark.argument):
            hint = say("discord.page.empty", locale)
            plain = Argument(one.argument.name, one.argument.kind)
            field = Field(plain, one.label, one.value if one.own else "", hint)
            return Form(one.command, one.label, (field,)), _options(one)
    return None


def _within(page: Page, group: int) -> int:
    return min(group, len(page.groups) - 1)


def _mark(action: str, path: tuple[str, ...], group: int, setting: Setting) -> Mark:
    return Mark(action, path, group, setting.command, setting.argument.name, setting.where)


def _groups(page: Page, path: tuple[str, ...], group: int, locale: str) -> Item:
    options = [
        discord.SelectOption(label=title[:LONGEST_LABEL], value=str(at), default=at == group)
        for at, (title, _) in enumerate(page.groups[:MOST_OPTIONS])
    ]
    words = say("discord.page.groups", locale)
    select: discord.ui.Select[Any] = discord.ui.Select(
        custom_id=Mark(GROUP, path).id, placeholder=words[:LONGEST_PLACEHOLDER], options=options
    )
    return select


def _options(setting: Setting) -> list[tuple[str, str]]:
    return [(value, label) for value, label in setting.options if value]


def _select(setting: Setting, mark: Mark) -> Item:
    options = [
        discord.SelectOption(label=label[:LONGEST_LABEL], value=value)
        for value, label in _options(setting)
    ]
    # Without a default the placeholder is seen, which says what the select is about.
    words = f"{setting.label}: {setting.shown}"
    select: discord.ui.Select[Any] = discord.ui.Select(
        custom_id=mark.id, placeholder=words[:LONGEST_PLACEHOLDER], options=options
    )
    return select
