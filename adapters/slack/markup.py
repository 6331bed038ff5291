"""Slack's markup in messages (`<@U1>`, `<#C1|general>`, `<https://…|text>`, `&amp;` …) undone."""

from __future__ import annotations

import re
from collections.abc import Callable

from bot import plain

_MARKUP = re.compile(r"<(?P<sign>[@#!]?)(?P<target>[^<>|\n]*)(?:\|(?P<label>[^<>\n]*))?>")
_PERSON = re.compile(r"<@([A-Z0-9]{2,40})(?:\|[^<>\n]*)?>")

LISTED = re.compile(
    r"`(?:person:(?P<person>[UW][A-Z0-9]{2,40})|channel:(?P<channel>[CDG][A-Z0-9]{2,40})"
    r"|role:(?P<role>S[A-Z0-9]{2,40}))`"
)
SIGNS = {"person": "@", "role": "!subteam^", "channel": "#"}

Name = Callable[[str], str | None]


def mentioned(text: str) -> list[str]:
    """The ids of the people mentioned, in order, each once."""
    return list(dict.fromkeys(_PERSON.findall(text)))


def without_mention(text: str, bot_id: str, bot_name: str) -> str:
    """Take the bot's mention off both ends; within a sentence it becomes the bot's name."""
    return plain.without_mention(text, rf"<@{re.escape(bot_id)}(?:\|[^<>\n]*)?>", bot_name)


def pointing(text: str) -> str:
    """Entries of lists, `person:U1` and their like in backticks, as Slack shows who that is.

    For what is shown to one person alone, in which a mention notifies nobody.
    """

    def shown(found: re.Match[str]) -> str:
        kind = str(found.lastgroup)
        return f"<{SIGNS[kind]}{found[kind]}>"

    return LISTED.sub(shown, text)


def readable(text: str, name_of: Name) -> str:
    """What Slack would show for the text; `name_of` knows people's names."""
    shown = _MARKUP.sub(lambda found: _shown(found, name_of), text)
    return unescaped(shown)


def unescaped(text: str) -> str:
    """The three characters that Slack escapes, as people typed them."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def escaped(text: str) -> str:
    """Text that Slack shows as it is, wherever it reads mrkdwn."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _shown(found: re.Match[str], name_of: Name) -> str:
    target, label = found["target"], found["label"] or ""
    match found["sign"]:
        case "@":
            return f"@{name_of(target) or label or 'unknown-user'}"
        case "#":
            return f"#{label or 'unknown'}"
        case "!":
            return _special(target, label)
    return _link(target, label) if target else found[0]


def _special(target: str, label: str) -> str:
    command, _, _ = target.partition("^")
    if command == "date":
        return label
    if command == "subteam":
        return f"@{label.removeprefix('@') or 'unknown-group'}"
    return f"@{command}"


def _link(target: str, label: str) -> str:
    bare = re.sub(r"^(?:https?://|mailto:|tel:)", "", target)
    if not label or label in {target, bare, bare.rstrip("/")}:
        return label or target
    return f"{label} ({target})"
