"""Discord's markup in messages (`<@1>`, `<#2>`, `<:wave:3>`, `<t:4>` …) as people see it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from bot import plain

MARKUP = re.compile(
    r"<@!?(?P<user>\d{1,20})>"
    r"|<@&(?P<role>\d{1,20})>"
    r"|<#(?P<channel>\d{1,20})>"
    r"|<a?:(?P<emoji>\w{1,64}):\d{1,20}>"
    r"|<t:(?P<time>-?\d{1,14})(?::(?P<style>[tTdDfFsSR]))?>"
    r"|</(?P<command>[^<>:\n]{1,100}):\d{1,20}>"
    r"|<id:(?P<page>[a-z-]{1,40})(?::\d{1,20})?>",
    re.ASCII,
)
STYLES = {"t": "%H:%M UTC", "T": "%H:%M:%S UTC", "d": "%Y-%m-%d", "D": "%Y-%m-%d"}

Name = Callable[[int], str | None]


@dataclass(frozen=True, slots=True)
class Names:
    """What the numbers in one message stand for; None where the bot cannot know."""

    user: Name
    role: Name
    channel: Name


LISTED = re.compile(r"`(?P<kind>person|role|channel):(?P<id>\d{1,20})`")
SIGNS = {"person": "@", "role": "@&", "channel": "#"}


def without_mention(text: str, bot_id: int, bot_name: str) -> str:
    """Take the bot's mention off both ends; within a sentence it becomes the bot's name."""
    return plain.without_mention(text, rf"<@!?{bot_id}>", bot_name)


def readable(text: str, names: Names) -> str:
    """Replace every piece of markup by what Discord would show for it."""
    return MARKUP.sub(lambda found: _shown(found, names), text)


def _shown(found: re.Match[str], names: Names) -> str:
    kind = found.lastgroup if found.lastgroup != "style" else "time"
    value = found[kind] if kind else ""
    match kind:
        case "user":
            return f"@{names.user(int(value)) or 'unknown-user'}"
        case "role":
            return f"@{names.role(int(value)) or 'unknown-role'}"
        case "channel":
            return f"#{names.channel(int(value)) or 'unknown'}"
        case "emoji":
            return f":{value}:"
        case "time":
            return _moment(int(value), found["style"]) or found[0]
        case "command":
            return f"/{value}"
    return f"#{value}"


def _moment(seconds: int, style: str | None) -> str | None:
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return moment.strftime(STYLES.get(style or "f", "%Y-%m-%d %H:%M UTC"))


def pointing(text: str) -> str:
    """Entries of lists, `person:1` and their like in backticks, as Discord shows who that is.

    For what is said to one person alone, without a ping.
    """
    return LISTED.sub(lambda found: f"<{SIGNS[found['kind']]}{found['id']}>", text)
