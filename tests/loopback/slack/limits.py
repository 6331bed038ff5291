"""Rate limits as Slack keeps them: sliding minutes per workspace and method."""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.loopback.slack.clock import Clock

TIERS = {"t1": 1, "t2": 20, "t3": 50, "t4": 100, "special": 300}
METHODS = {
    "agents.sessions.rename": "t3",
    "agents.sessions.setStatus": "t3",
    "apps.connections.open": "t3",
    "assistant.threads.setStatus": "special",
    "assistant.threads.setSuggestedPrompts": "t4",
    "assistant.threads.setTitle": "t4",
    "auth.revoke": "t3",
    "auth.test": "special",
    "bots.info": "t3",
    "chat.appendStream": "t4",
    "chat.delete": "t3",
    "chat.postEphemeral": "t4",
    "chat.postMessage": "special",
    "chat.startStream": "t2",
    "chat.stopStream": "t2",
    "chat.update": "t3",
    "conversations.history": "t3",
    "conversations.info": "t3",
    "conversations.open": "t3",
    "conversations.replies": "t3",
    "files.completeUploadExternal": "t4",
    "files.getUploadURLExternal": "t4",
    "files.info": "t4",
    "oauth.v2.access": "special",
    "reactions.add": "t3",
    "reactions.remove": "t2",
    "team.info": "t3",
    "usergroups.list": "t2",
    "users.conversations": "t3",
    "users.info": "t4",
    "views.open": "t4",
    "views.publish": "t4",
    "views.push": "t4",
    "views.update": "t4",
}


@dataclass(frozen=True)
class Limit:
    """So many calls within so many seconds."""

    calls: int
    seconds: float


class Window:
    """The moments of the calls that still count."""

    def __init__(self) -> None:
        self._moments: deque[float] = deque()

    def wait(self, limit: Limit, now: float) -> float:
        """Seconds until a call would pass; 0 means now."""
        while self._moments and self._moments[0] <= now - limit.seconds:
            self._moments.popleft()
        if len(self._moments) < limit.calls:
            return 0.0
        return self._moments[-limit.calls] + limit.seconds - now

    def take(self, now: float) -> None:
        """Count a call."""
        self._moments.append(now)


class Limits:
    """The limits of this server; tests make them narrow and read who ran into them.

    `minute` is the length of every tier's window, `per_channel` comes on top of the tiers.
    """

    def __init__(self, clock: Clock) -> None:
        self.minute = 60.0
        self.tiers = dict(TIERS)
        self.methods: dict[str, Limit] = {}
        # One a second, with bursts: what Slack says of posting into one channel.
        self.per_channel = {
            "chat.postMessage": Limit(5, 5.0),
            "assistant.threads.setStatus": Limit(60, 60.0),
        }
        self.refused: Counter[str] = Counter()
        """How many 429s each method gave out."""
        self.admitted: Counter[str] = Counter()
        self._clock = clock
        self._windows: dict[tuple[str, str, str], Window] = {}

    @property
    def total_refused(self) -> int:
        """How many 429s were given out."""
        return self.refused.total()

    def set(self, method: str, calls: int, seconds: float | None = None) -> None:
        """Set how many calls of a method a workspace may make, in a minute if nothing is said."""
        self.methods[method] = Limit(calls, self.minute if seconds is None else seconds)

    def limit(self, method: str) -> Limit:
        """What a workspace may ask of a method."""
        tier = self.tiers[METHODS.get(method, "t3")]
        return self.methods.get(method, Limit(tier, self.minute))

    def admit(self, workspace: str, method: str, channel: str) -> int | None:
        """Count a call, or say in how many seconds it may be tried again."""
        now = self._clock.now()
        windows = [(self._window(workspace, method, ""), self.limit(method))]
        if channel and method in self.per_channel:
            window = self._window(workspace, method, channel)
            windows.append((window, self.per_channel[method]))
        wait = max(window.wait(limit, now) for window, limit in windows)
        if wait > 0:
            self.refused[method] += 1
            return max(1, math.ceil(wait))
        for window, _ in windows:
            window.take(now)
        self.admitted[method] += 1
        return None

    def _window(self, workspace: str, method: str, channel: str) -> Window:
        return self._windows.setdefault((workspace, method, channel), Window())
