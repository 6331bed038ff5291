"""Keeps the model's words from notifying people.

Slack pings whom `<@U1>`, `<!channel>` and `<!subteam^S1>` name, wherever an app writes them. The
bracket becomes a look-alike: that holds in code blocks as well, where an escape would be shown,
and a text keeps its length.
"""

from __future__ import annotations

import re

BRACKET = "‹"
_PING = re.compile(r"<(?=@[UWBS][A-Z0-9]|!(?:channel|here|everyone|group|subteam))")
_STARTS = ("<@U?", "<@W?", "<@B?", "<@S?", "<!channel", "<!here", "<!everyone", "<!group")
_UNDECIDED = frozenset(
    start[:length] for start in (*_STARTS, "<!subteam") for length in range(1, len(start))
)
_LONGEST = max(len(start) for start in _UNDECIDED)


def harmless(text: str) -> str:
    """The text with nothing in it that notifies anybody."""
    return _PING.sub(BRACKET, text)


def settled(text: str) -> str:
    """As `harmless`, without an end that could still become a ping.

    However the text goes on, what is given back here stays its beginning.
    """
    bracket = text.rfind("<", max(0, len(text) - _LONGEST))
    if bracket >= 0 and text[bracket:] in _UNDECIDED:
        text = text[:bracket]
    return harmless(text)
