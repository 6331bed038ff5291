"""Dialogs as JSON: read from a file or standard input, checked before anything is encoded."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from bot.errors import ConfigError, Refused
from bot.values import Author, Role, Turn

ROLES = ("system", "user", "assistant")


@dataclass(frozen=True, slots=True)
class Dialog:
    """A conversation to make a prompt of; `persona` is None where it has no system message."""

    persona: str | None
    turns: tuple[Turn, ...]


def read(source: str, standard_input: BinaryIO) -> tuple[list[Dialog], bool]:
    """The dialogs in file `source` ("-" is standard input), and whether they came as a list."""
    try:
        data = standard_input.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise ConfigError(f"{source} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{source!r} cannot be the name of a file") from error
    return parse(data)


def parse(data: bytes) -> tuple[list[Dialog], bool]:
    """Dialogs from JSON text; Refused, with the dialog's number, if one is not sound."""
    try:
        value = json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Refused("the input is not UTF-8 text") from error
    except ValueError as error:
        raise Refused(f"the input is not JSON: {error}") from error
    except RecursionError as error:
        raise Refused("the input is nested too deeply") from error
    if _is_dialog(value):
        return [_dialog(value, "the dialog")], False
    if not isinstance(value, list):
        raise Refused("the input must be a dialog (a list of messages) or a list of dialogs")
    return [_dialog(item, f"dialog {number}") for number, item in enumerate(value, 1)], True


def _is_dialog(value: Any) -> bool:
    """One dialog: an object with key "dialog", or a list of messages."""
    if isinstance(value, list):
        return bool(value) and isinstance(value[0], dict) and "dialog" not in value[0]
    return isinstance(value, dict) and "dialog" in value


def _dialog(value: Any, name: str) -> Dialog:
    messages = value.get("dialog") if isinstance(value, dict) else value
    if not isinstance(messages, list):
        raise Refused(f"{name} must be a list of messages, or an object with such a list: dialog")
    checked = [
        _message(message, f"{name}, message {number}") for number, message in enumerate(messages, 1)
    ]
    persona = checked.pop(0)[1] if checked and checked[0][0] == "system" else None
    if any(role == "system" for role, _, _ in checked):
        raise Refused(f"{name}: only the first message may have the role system")
    if not checked or checked[-1][0] != "user":
        raise Refused(f"{name} must end with a message of the user")
    turns = (_turn(number, *message) for number, message in enumerate(checked, 1))
    return Dialog(persona, tuple(turns))


def _message(value: Any, name: str) -> tuple[str, str, str]:
    if not isinstance(value, dict):
        raise Refused(f"{name} must be an object with role and content")
    if strangers := value.keys() - {"role", "content", "name"}:
        raise Refused(f"{name} has an unknown key {min(strangers)!r}")
    role, content, author = value.get("role"), value.get("content"), value.get("name", "")
    if role not in ROLES:
        raise Refused(f"{name}: role must be system, user or assistant")
    if not isinstance(content, str) or not isinstance(author, str):
        raise Refused(f"{name}: content and name must be text")
    if not (_is_whole(content) and _is_whole(author)):
        raise Refused(f"{name} holds half a character (a lone surrogate)")
    return role, content, author


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _turn(number: int, role: str, content: str, name: str) -> Turn:
    author = Author(id=name, name=name) if name else None
    return Turn(number, Role(role), content, author)
