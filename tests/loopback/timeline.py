"""What a message said, and when."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Version:
    """What a message said from a moment of the monotonic clock on."""

    at: float
    content: str
