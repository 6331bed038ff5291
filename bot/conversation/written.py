"""What came of writing an answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from bot.values import ReplyState


@dataclass(frozen=True, slots=True)
class Written:
    """What was written, how it came to end, and how to keep it.

    It is `repeated` if it went round in circles.
    """

    text: str
    state: ReplyState
    repeated: bool = False
    keep: Callable[[], Awaitable[None]] | None = None
