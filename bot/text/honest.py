"""The model's words on their way to people: nothing unseen, no link that looks like another.

As a text grows, what was made of its beginning stays, as far as that is `certain`.
"""

from __future__ import annotations

import re

_LINES = {"\v": "\n", "\f": "\n", "\x85": "\n", "\u2028": "\n", "\u2029": "\n"}
_CONTROL = {chr(code): "" for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"}
_TURNING = dict.fromkeys("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", "")
_TAGS = {chr(code): "" for code in range(0xE0000, 0xE0080)}
_UNSEEN = str.maketrans(_TURNING | _TAGS | _CONTROL | _LINES)
"""Terminal codes, marks that turn the direction of what follows, letters that nobody sees."""

BRACKET = "［"
"""Looks like a bracket, and is none."""
_LINK = re.compile(r"\[(?=([^\[\]\n]{1,300})\]\(<?([^\s()<>]{1,2000}))")
_BEGUN = re.compile(
    r"\[[ *_~`]*(?:[^\s\[\]]{1,300}[ *_~`]*(?:\](?:\((?:<?[^\s()<>]{0,2000})?)?)?)?\Z"
)
_AIMING = re.compile(r"\]\(<?[^\s()<>]{0,2000}\Z")
LONGEST_END = 2400
"""Characters of a link at most, so far."""
_ENDINGS = (
    "com|org|net|edu|gov|mil|int|io|dev|app|info|biz|ai|bank|co|me|tv|uk|de|at|ch|fr|es|it|nl|be|pt"
    "|pl|eu|us|ca|au|nz|br|mx|in|cn|jp|kr|ru|ua|se|no|fi|dk|cz|online|site|shop|xyz"
)
"""Without those that files end in as well, such as `md`, `py` and `sh`."""
_SCHEME = r"[a-z][a-z0-9+.-]*:"
_HOST = rf"((?:[\w-]+\.)+(?:{_ENDINGS}))"
_ADDRESS = re.compile(rf"(?:{_SCHEME}//(?:[^\s/?#]*@)?)?{_HOST}(?:[/?#:]\S*)?", re.IGNORECASE)
_TARGET = re.compile(rf"(?:{_SCHEME})?(?://)?(?:[^/?#]*@)?([^/?#:]*)", re.IGNORECASE)


def honest(text: str) -> str:
    """The text as people may see it; a link that names one address and leads to another is none."""
    if "](" in (seen := text.translate(_UNSEEN)):
        return _LINK.sub(lambda found: BRACKET if _disguised(found[1], found[2]) else "[", seen)
    return seen


def certain(text: str) -> str:
    """The text without an end that could still become a disguised link."""
    end = len(text)
    while True:
        begun = _begun(text, end)
        if begun is None:
            return text[:end]
        end = begun
        # What was taken off may have been all that made a link of what stands before it.
        aim = text.rfind("](", max(0, end - LONGEST_END), end)
        if aim < 0 or not _AIMING.match(text, aim, end):
            return text[:end]


def _begun(text: str, end: int) -> int | None:
    """Where what could still become a link begins, if such a thing stands before `end`.

    No name of a link has a bracket in it, and no address a parenthesis: that leaves two places.
    """
    least = max(0, end - LONGEST_END)
    aim = text.rfind("](", least, end)
    places = [text.rfind("[", least, aim)] if aim >= 0 else []
    places.append(text.rfind("[", least, end))
    return next((at for at in places if at >= 0 and _BEGUN.match(text, at, end)), None)


def _disguised(label: str, target: str) -> bool:
    named = _ADDRESS.fullmatch(label.strip(" *_~`"))
    if named is None:
        return False
    leads = _TARGET.match(target)
    host = leads[1].casefold() if leads else ""
    name = named[1].casefold().removeprefix("www.")
    return host != name and not host.endswith(f".{name}")
