"""Rate limits as Discord keeps them: fixed windows per route and place, and one for everything."""

from __future__ import annotations

import hashlib
import math
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

MAJOR = ("channel_id", "guild_id", "webhook_id", "webhook_token", "interaction_id")


@dataclass(frozen=True)
class Limit:
    """So many requests in a window of so many seconds."""

    requests: int
    seconds: float


@dataclass
class Window:
    """The requests counted since the first one."""

    limit: Limit
    resets_at: float = 0.0
    used: int = 0

    def take(self, now: float) -> bool:
        """Count a request, unless the window is full."""
        if now >= self.resets_at:
            self.resets_at, self.used = now + self.limit.seconds, 0
        if self.used >= self.limit.requests:
            return False
        self.used += 1
        return True


@dataclass(frozen=True)
class Verdict:
    """Whether a request may pass, and what its answer says about the limit."""

    headers: dict[str, str]
    retry_after: float | None = None
    everywhere: bool = False


class Limits:
    """The limits of this server; tests make them narrow and read who ran into them."""

    def __init__(self) -> None:
        self.everywhere = Limit(50, 1.0)
        self.other = Limit(50, 1.0)
        self.routes: dict[str, Limit] = {
            "POST /channels/{channel_id}/messages": Limit(5, 5.0),
            "PATCH /channels/{channel_id}/messages/{message_id}": Limit(5, 5.0),
            "DELETE /channels/{channel_id}/messages/{message_id}": Limit(5, 1.0),
            "POST /channels/{channel_id}/typing": Limit(5, 5.0),
            "GET /channels/{channel_id}/messages": Limit(5, 5.0),
        }
        self.refused: Counter[str] = Counter()
        """How many 429s each route gave out."""
        self.ahead = 0.0
        """Seconds by which Discord's clock is ahead of this machine's."""
        self._windows: dict[str, Window] = {}
        self._global: Window | None = None

    @property
    def total_refused(self) -> int:
        """How many 429s were given out."""
        return self.refused.total()

    def edits(self, requests: int, seconds: float) -> None:
        """Set how many edits a channel takes."""
        self.routes["PATCH /channels/{channel_id}/messages/{message_id}"] = Limit(requests, seconds)

    def creates(self, requests: int, seconds: float) -> None:
        """Set how many new messages a channel takes."""
        self.routes["POST /channels/{channel_id}/messages"] = Limit(requests, seconds)

    def admit(self, route: str, place: Mapping[str, str], *, exempt: bool) -> Verdict:
        """Count a request; `exempt` is what Discord leaves out of the global limit."""
        now = time.monotonic()
        if not exempt and not self._everything().take(now):
            self.refused[route] += 1
            return self._global_refusal(now)
        window = self._window(route, place)
        passed = window.take(now)
        headers = _headers(route, window, now, self.ahead)
        if passed:
            return Verdict(headers)
        self.refused[route] += 1
        wait = window.resets_at - now
        return Verdict(headers | _refusal("user", wait), retry_after=wait)

    def _everything(self) -> Window:
        if self._global is None or self._global.limit != self.everywhere:
            self._global = Window(self.everywhere)
        return self._global

    def _global_refusal(self, now: float) -> Verdict:
        wait = self._everything().resets_at - now
        headers = {"X-RateLimit-Global": "true"} | _refusal("global", wait)
        return Verdict(headers, retry_after=wait, everywhere=True)

    def _window(self, route: str, place: Mapping[str, str]) -> Window:
        limit = self.routes.get(route, self.other)
        key = f"{route} {[place.get(name) for name in MAJOR]}"
        window = self._windows.get(key)
        if window is None or window.limit != limit:
            window = self._windows[key] = Window(limit)
        return window


def _headers(route: str, window: Window, now: float, ahead: float) -> dict[str, str]:
    left = max(0.0, window.resets_at - now)
    return {
        "X-RateLimit-Bucket": hashlib.md5(route.encode(), usedforsecurity=False).hexdigest(),
        "X-RateLimit-Limit": str(window.limit.requests),
        "X-RateLimit-Remaining": str(window.limit.requests - window.used),
        "X-RateLimit-Reset": f"{time.time() + ahead + left:.3f}",
        "X-RateLimit-Reset-After": f"{left:.3f}",
    }


def _refusal(scope: str, wait: float) -> dict[str, str]:
    return {"Retry-After": str(math.ceil(wait)), "X-RateLimit-Scope": scope}
