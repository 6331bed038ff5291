"""What Slack demands of the elements in blocks, and what a person's client lets them fill in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.loopback.slack.model import Json

MOST_ELEMENTS = {"actions": 25, "context_actions": 5}
LONGEST = {"action_id": 255, "value": 2000, "block_id": 255}
LONGEST_TEXT = 75
LONGEST_OPTION, MOST_OPTIONS = 150, 100
LONGEST_PLACEHOLDER, LONGEST_HINT, LONGEST_INPUT = 150, 2000, 3000
CHOSEN = {
    "users_select": ("initial_user", "selected_user"),
    "conversations_select": ("initial_conversation", "selected_conversation"),
}
KINDS = {
    "button",
    "feedback_buttons",
    "icon_button",
    "plain_text_input",
    "number_input",
    "static_select",
    "file_input",
    *CHOSEN,
}


def wrong_elements(blocks: list[Json], most: dict[str, int]) -> list[str]:
    """What Slack would object to, in words."""
    ids = [block["block_id"] for block in blocks if block.get("block_id")]
    wrong = [] if len(set(ids)) == len(ids) else ["two blocks have the same id"]
    for block in blocks:
        elements = list(_elements(block))
        if len(elements) > most.get(block["type"], 25):
            wrong.append(f"too many elements in {block['type']}")
        actions = [each.get("action_id") for each in elements]
        if len(set(actions)) != len(actions):
            wrong.append("two elements have the same action id")
        for each in elements:
            wrong += _wrong(each)
        if len((block.get("hint") or {}).get("text", "")) > LONGEST_HINT:
            wrong.append("hint is too long")
    return wrong


def state_of(element: Json, typed: Any) -> Json:
    """What the app is told of a field: what was typed or chosen, else what it began with."""
    kind = element["type"]
    if kind == "static_select":
        option = element.get("initial_option") if typed is None else _option(element, typed)
        return {"type": kind, "selected_option": option}
    if kind in CHOSEN:
        begun, name = CHOSEN[kind]
        return {"type": kind, name: element.get(begun) if typed is None else typed or None}
    if kind == "file_input":
        return {"type": kind, "files": typed or []}
    value = element.get("initial_value") if typed is None else typed
    return {"type": kind, "value": value or None}


def filled(state: Json) -> str | list[Json] | None:
    """What a field holds."""
    names = ("value", "selected_user", "selected_conversation", "files")
    found: Any = next((state[name] for name in names if state.get(name)), None)
    return found or (state.get("selected_option") or {}).get("value")


def refuses(element: Json, value: str) -> str:
    """Why the client would not take what was typed; empty if it would."""
    if len(value) > element.get("max_length", LONGEST_INPUT):
        return "takes no more than that many characters"
    if len(value) < element.get("min_length", 0):
        return "needs more characters"
    if element["type"] != "number_input":
        return ""
    try:
        number = float(value)
    except ValueError:
        return "takes numbers only"
    low, high = element.get("min_value", "-inf"), element.get("max_value", "inf")
    fits = float(low) <= number <= float(high)
    whole = element["is_decimal_allowed"] or number == int(number)
    return "" if fits and whole else "does not take this number"


def _elements(block: Json) -> Iterator[Json]:
    yield from block.get("elements") or []
    for name in ("element", "accessory"):
        if block.get(name):
            yield block[name]


def _wrong(element: Json) -> list[str]:
    wrong = [
        f"{name} is too long"
        for name, most in LONGEST.items()
        if len(str(element.get(name) or "")) > most
    ]
    kind = element.get("type")
    if kind not in KINDS:
        wrong.append(f"an element of type {kind!r}")
    if len((element.get("placeholder") or {}).get("text", "")) > LONGEST_PLACEHOLDER:
        wrong.append("placeholder is too long")
    if kind == "button" and not 0 < len(element["text"]["text"]) <= LONGEST_TEXT:
        wrong.append("the text of a button is too long or missing")
    if kind == "number_input" and "is_decimal_allowed" not in element:
        wrong.append("is_decimal_allowed is missing")
    if kind == "static_select":
        wrong += _wrong_options(element["options"], element.get("initial_option"))
    return wrong


def _wrong_options(options: list[Json], initial: Json | None) -> list[str]:
    wrong = [] if 0 < len(options) <= MOST_OPTIONS else ["no options, or too many"]
    for option in options:
        if not 0 < len(option["text"]["text"]) <= LONGEST_TEXT:
            wrong.append("the text of an option is too long or missing")
        if not 0 < len(option["value"]) <= LONGEST_OPTION:
            wrong.append("the value of an option is too long or missing")
    if initial is not None and initial not in options:
        wrong.append("initial_option is none of the options")
    return wrong


def _option(element: Json, typed: str) -> Json | None:
    options: Iterable[Json] = element["options"]
    for option in options:
        if typed in (option["value"], option["text"]["text"]):
            return option
    if typed:
        raise AssertionError(f"no option {typed!r} in {element}")
    return None
