"""What goes to a server and what comes back, free of any library."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Body:
    """One request: `asked` is what every server knows, `settings` what some may not."""

    chat: bool
    asked: dict[str, Any]
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server counted them; `reused` ones of the prompt were in its cache."""

    tokens: int
    prompt_tokens: int
    reused: int


@dataclass(frozen=True, slots=True)
class Piece:
    """New text, the reason if the answer has ended, and the count if it came along."""

    text: str = ""
    reason: str | None = None
    usage: Usage | None = None
