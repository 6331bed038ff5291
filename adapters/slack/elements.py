"""One argument as a field of a window, and what a person has filled in there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from adapters.slack.blocks import Json, plain
from bot.control.declarations import Argument, Kind
from bot.control.response import Given
from bot.control.words import say

VALUE = "value"
"""The action id of every field; its block says which one it is."""
LONGEST_INPUT = 3000
LONGEST_HINT = 2000
LONGEST_PLACEHOLDER = 150
LONGEST_OPTION = 150
MOST_OPTIONS = 100

Options = Iterable[tuple[str, str]]


def field(
    block_id: str,
    argument: Argument,
    label: str,
    *,
    value: str = "",
    hint: str = "",
    placeholder: str = "",
    options: Options = (),
    optional: bool = True,
) -> Json:
    """An input block for an argument; a value that Slack would not take is left out."""
    element = _element(argument, value, list(options)[:MOST_OPTIONS])
    if placeholder and element["type"] != "file_input":
        element["placeholder"] = plain(placeholder, LONGEST_PLACEHOLDER)
    block = {
        "type": "input",
        "block_id": block_id,
        "label": plain(label, LONGEST_HINT),
        "element": element | {"action_id": VALUE},
        "optional": optional,
    }
    return block | ({"hint": plain(hint, LONGEST_HINT)} if hint else {})


def switch_options(locale: str) -> list[tuple[str, str]]:
    """On and off."""
    return [("yes", say("setting.on", locale)), ("no", say("setting.off", locale))]


def given(state: Mapping[str, Any]) -> Given | None:
    """What a field holds; a file is Slack's id of it. None where nothing was filled in."""
    kind = state.get("type")
    found: Any = state.get("value")
    if kind == "static_select":
        found = (state.get("selected_option") or {}).get("value")
    elif kind == "users_select":
        found = state.get("selected_user")
    elif kind == "conversations_select":
        found = state.get("selected_conversation")
    return None if found in (None, "") else str(found)


def initial(element: Mapping[str, Any]) -> str:
    """What a field held when it was shown."""
    if option := element.get("initial_option"):
        return str(option["value"])
    names = ("initial_value", "initial_user", "initial_conversation")
    return next((str(element[name]) for name in names if element.get(name)), "")


def _element(argument: Argument, value: str, options: list[tuple[str, str]]) -> Json:
    options = options or [(choice, choice) for choice in argument.choices]
    options = [option for option in options if len(option[0]) <= LONGEST_OPTION]
    if options:
        return _select(options, value)
    match argument.kind:
        case Kind.INTEGER | Kind.NUMBER:
            return _number(argument, value)
        case Kind.PERSON:
            return {"type": "users_select"} | ({"initial_user": value} if value else {})
        case Kind.CHANNEL:
            chosen = {"initial_conversation": value} if value else {}
            return {"type": "conversations_select"} | chosen
        case Kind.FILE:
            return {"type": "file_input", "max_files": 1}
    return _text(argument, value)


def _select(options: list[tuple[str, str]], value: str) -> Json:
    shown = [{"text": plain(label or each), "value": each} for each, label in options if each]
    chosen = [option for option in shown if option["value"] == value]
    element: Json = {"type": "static_select", "options": shown}
    return element | ({"initial_option": chosen[0]} if chosen else {})


def _number(argument: Argument, value: str) -> Json:
    element: Json = {
        "type": "number_input",
        "is_decimal_allowed": argument.kind is Kind.NUMBER,
    }
    bounds = {"min_value": argument.least, "max_value": argument.most}
    element |= {name: _plain(bound) for name, bound in bounds.items() if bound is not None}
    return element | ({"initial_value": value} if value else {})


def _text(argument: Argument, value: str) -> Json:
    most = min(int(argument.most or LONGEST_INPUT), LONGEST_INPUT)
    element: Json = {
        "type": "plain_text_input",
        "multiline": argument.kind is Kind.LONG_TEXT,
        "max_length": most,
    }
    return element | ({"initial_value": value} if 0 < len(value) <= most else {})


def _plain(bound: float) -> str:
    return str(int(bound)) if bound == int(bound) else f"{bound:g}"
