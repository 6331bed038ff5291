"""Slack's windows: forms, the page of all settings, the choice of a channel, and notes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from adapters.slack.blocks import Json, plain, rows_of, section
from adapters.slack.elements import LONGEST_INPUT, Options, field, given, initial, switch_options
from adapters.slack.occasions import Payload
from bot.control.declarations import Argument, Kind
from bot.control.response import Button, Field, Form, Given, Item, Page
from bot.control.words import say
from bot.errors import Refused

CALLBACKS = re.compile(r"^quipu:(form|page|where)$")
FORM, PAGE, WHERE = "quipu:form", "quipu:page", "quipu:where"
LONGEST_TITLE = 24
LONGEST_HEADER = 150
MOST_BLOCKS = 100
CHANNEL = "channel"
WHERE_TO = re.compile(r"[A-Z0-9]*/(\d+\.\d+)?", re.ASCII)
"""A channel and a thread of it, as Slack names them; either may be missing."""
MOST_REPLIES = 10**18

Setter = tuple[tuple[str, ...], str]
"""A command that changes settings, and what for, as an item of a page has it."""


@dataclass(frozen=True, slots=True)
class Memo:
    """What a window keeps for when it is sent: the Place, and the command that it is for."""

    channel: str
    thread: str = ""
    command: tuple[str, ...] = ()
    reply_id: int | None = None
    arguments: tuple[tuple[str, str], ...] = ()

    def write(self) -> str:
        """As Slack keeps it."""
        return json.dumps(
            [self.channel, self.thread, self.command, self.reply_id, self.arguments],
            separators=(",", ":"),
        )

    @classmethod
    def read(cls, view: Payload) -> Memo:
        """Read what `write` wrote. Refused if it is anything else."""
        try:
            channel, thread, command, reply_id, given = json.loads(view["private_metadata"])
            path = tuple(str(word) for word in command)
            pairs = tuple((str(name), str(value)) for name, value in given)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise Refused("not a window of ours", key="slack.unknown_button") from error
        where = WHERE_TO.fullmatch(f"{channel}/{thread}")
        number = reply_id is None or (type(reply_id) is int and 0 < reply_id < MOST_REPLIES)
        if where is None or not number:
            raise Refused("not a window of ours", key="slack.unknown_button")
        return cls(str(channel), str(thread), path, reply_id, pairs)

    @classmethod
    def of(cls, view: Payload) -> Memo:
        """As `read`, for a window that only says something: empty if there is nothing to read."""
        try:
            return cls.read(view)
        except Refused:
            return cls("")


def form_window(
    form: Form, memo: Memo, options: Mapping[str, Options], locale: str, text: str = ""
) -> Json:
    """A form; `options` are for fields whose choices had to be asked for."""
    fields = [
        _form_field(each, options.get(each.argument.name, ()), locale) for each in form.fields
    ]
    blocks = [section(text), *fields] if text else fields
    return _window(FORM, form.title, blocks, memo, locale, submit="slack.save")


def page_window(page: Page, memo: Memo, locale: str, text: str = "") -> Json:
    """All settings at once, each with where it comes from."""
    blocks = [{"type": "header", "text": plain(page.title, LONGEST_HEADER)}]
    blocks += [section(text)] if text else []
    for title, items in page.groups:
        blocks.append({"type": "header", "text": plain(title, LONGEST_HEADER)})
        blocks += [_setting(item, locale) for item in items]
    title = say("slack.title.settings", locale)
    return _window(PAGE, title, blocks, memo, locale, submit="slack.save")


def where_window(memo: Memo, locale: str) -> Json:
    """Asks for a channel, where a command was chosen that could be for any."""
    block = field(
        CHANNEL, Argument(CHANNEL, Kind.CHANNEL), say("slack.which_channel", locale), optional=False
    )
    block["element"] |= {
        "default_to_current_conversation": True,
        "filter": {"include": ["public", "private", "mpim"]},
    }
    title = say("slack.title.settings", locale)
    return _window(WHERE, title, [block], memo, locale, submit="slack.next")


def note_window(
    text: str, memo: Memo, locale: str, *, title: str = "", buttons: Sequence[Button] = ()
) -> Json:
    """Says something, and perhaps offers buttons."""
    shown = title or say("slack.title.form", locale)
    blocks = [section(text or say("slack.done", locale)), *rows_of(buttons, memo.thread)]
    return _window("quipu:note", shown, blocks, memo, locale)


def submitted(view: Payload) -> dict[str, Given]:
    """What was filled in, by block; a field that was left empty is an empty text."""
    states = view["state"]["values"]
    return {
        block: given(state) or "" for block, fields in states.items() for state in fields.values()
    }


def files_in(view: Payload) -> dict[str, Mapping[str, Any]]:
    """The files that were chosen, by block."""
    return {
        block: state["files"][0]
        for block, fields in view["state"]["values"].items()
        for state in fields.values()
        if state.get("files")
    }


def changed(view: Payload) -> dict[Setter, dict[str, Given]]:
    """What differs from what the page showed: new values by command and argument."""
    shown = {
        block["block_id"]: initial(block["element"])
        for block in view["blocks"]
        if block["type"] == "input"
    }
    found: dict[Setter, dict[str, Given]] = {}
    for block, value in submitted(view).items():
        if value != shown.get(block, ""):
            setter, argument = setting_of(block)
            found.setdefault(setter, {})[argument] = value
    return found


def setting_block(command: tuple[str, ...], argument: str, where: str = "") -> str:
    """The block id of a setting on the page."""
    return ":".join([".".join(command), argument, *([where] if where else [])])


def setting_of(block_id: str) -> tuple[Setter, str]:
    """Read what `setting_block` wrote."""
    command, _, rest = block_id.partition(":")
    argument, _, where = rest.partition(":")
    return (tuple(command.split(".")), where), argument


def _form_field(each: Field, options: Options, locale: str) -> Json:
    argument = each.argument
    hint = each.hint
    if argument.kind is Kind.SWITCH:
        options = switch_options(locale)
    if argument.kind is Kind.LONG_TEXT and (argument.most or 0) > LONGEST_INPUT:
        hint = f"{hint} {say('slack.longest', locale, most=LONGEST_INPUT)}".strip()
    return field(
        argument.name,
        argument,
        each.label,
        value=each.value,
        hint=hint,
        options=options,
        optional=not argument.required,
    )


def _setting(item: Item, locale: str) -> Json:
    options: Options = item.options
    if item.argument.kind is Kind.SWITCH and not item.options:
        options = switch_options(locale)
    return field(
        setting_block(item.command, item.argument.name, item.where),
        item.argument,
        item.label,
        value=item.value if item.own else "",
        placeholder=item.shown,
        hint=f"{item.shown} · {item.origin}",
        options=options,
    )


def _window(
    callback: str,
    title: str,
    blocks: Iterable[Json],
    memo: Memo,
    locale: str,
    *,
    submit: str = "",
) -> Json:
    window: Json = {
        "type": "modal",
        "callback_id": callback,
        "private_metadata": memo.write(),
        "title": plain(title, LONGEST_TITLE),
        "close": plain(say("slack.cancel" if submit else "slack.close", locale), LONGEST_TITLE),
        "blocks": list(blocks)[:MOST_BLOCKS],
    }
    return window | ({"submit": plain(say(submit, locale), LONGEST_TITLE)} if submit else {})
