"""Keeps the model's words from notifying people, and from links that look like others.

Slack pings whom `<@U1>`, `<!channel>` and `<!subteam^S1>` name, wherever an app writes them, and
shows `<https://one.example|two.example>` as the second. The bracket becomes a look-alike: that
holds in code blocks as well, where an escape would be shown, and a text keeps its length.
"""

from __future__ import annotations

import regex

BRACKET = "‹"
_LONGEST = 2000
"""Characters of a link's address; in a longer one nothing is looked for."""
_HARM = (
    r"@[UWBS][A-Z0-9]|!(?i:channel|here|everyone|group|subteam|date\^)"
    rf"|(?i:https?|ftp|mailto|tel|slack):[^>|\s]{{0,{_LONGEST}}}\|"
)
_HARMFUL = regex.compile(rf"<(?={_HARM})")
_BEGINNING = regex.compile(rf"<(?:{_HARM})")


def harmless(text: str) -> str:
    """The text with nothing in it that notifies anybody or leads elsewhere than it says."""
    return _HARMFUL.sub(BRACKET, text)


def settled(text: str) -> str:
    """As `harmless`, without an end that could still become harmful.

    However the text goes on, what is given back here stays its beginning.
    """
    at = max(0, len(text) - _LONGEST - len("<mailto:"))
    while (at := text.find("<", at)) >= 0:
        found = _BEGINNING.fullmatch(text, at, partial=True)
        if found and found.partial:
            return harmless(text[:at])
        at += 1
    return harmless(text)
