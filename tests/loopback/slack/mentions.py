"""Whom a text would call: Slack's mention markup, read as its clients read it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.loopback.slack.model import User

BROADCAST = re.compile(r"<!(channel|here|everyone)(?:\|[^<>]*)?>")
GROUP = re.compile(r"<!subteam\^(\w+)(?:\|[^<>]*)?>")
PERSON = re.compile(r"<@([UW]\w+)(?:\|[^<>]*)?>")
LINKED = re.compile(r"(?<!\w)@(channel|here|everyone)\b")


def pings(text: str, users: Mapping[str, User], *, link_names: bool = False) -> set[str]:
    """Who is called, in words: `channel`, `subteam S1`, `user Ann`."""
    found = {match[1] for match in BROADCAST.finditer(text)}
    found |= {f"subteam {match[1]}" for match in GROUP.finditer(text)}
    found |= {f"user {users[m[1]].name}" for m in PERSON.finditer(text) if m[1] in users}
    if link_names:
        found |= {match[1] for match in LINKED.finditer(text)}
    return found
