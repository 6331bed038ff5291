"""When a request may go: arithmetic over Slack's published tiers, without any I/O.

Slack counts the calls of each method in each workspace over a minute that slides along, and tells
nothing of it until it refuses. So we count ourselves, and keep a slot for whatever has to follow.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

Clock = Callable[[], float]

START, APPEND, STOP = "chat.startStream", "chat.appendStream", "chat.stopStream"
POST, UPDATE, DELETE = "chat.postMessage", "chat.update", "chat.delete"
STATUS, SESSION = "assistant.threads.setStatus", "agents.sessions.setStatus"
PROMPTS = "assistant.threads.setSuggestedPrompts"
HISTORY, REPLIES = "conversations.history", "conversations.replies"
PERSON, VIEW, VIEW_ANEW = "users.info", "views.open", "views.update"
WHISPER, DIRECT = "chat.postEphemeral", "conversations.open"
UPLOAD, SHARE = "files.getUploadURLExternal", "files.completeUploadExternal"
FILE, GROUPS, CHANNEL = "files.info", "usergroups.list", "conversations.info"
MEMBERSHIPS = "users.conversations"

MINUTE = 60.0
TIERS = {
    **dict.fromkeys((START, STOP, GROUPS), 20),
    **dict.fromkeys((UPDATE, DELETE, SESSION, HISTORY, REPLIES, DIRECT, CHANNEL, MEMBERSHIPS), 50),
    **dict.fromkeys((APPEND, PROMPTS, PERSON, VIEW, VIEW_ANEW, WHISPER, UPLOAD, SHARE, FILE), 100),
    **dict.fromkeys((POST, STATUS), 300),
}
PER_CHANNEL = {POST: (5, 5.0), STATUS: (60, 60.0)}
"""About one a second, in bursts: so many calls in so many seconds."""
DARE = 0.95
"""The part of a tier that we use."""
SLACK_LATE = 0.01
"""Departures are counted here, arrivals there: so much longer than Slack's is our window."""
LEAST_LATE = 0.25
FLOOR = 0.25
RECOVERY = 1.0
"""Calls that a limit wins back in a minute after a refusal."""
FASTEST = 1.2
SPREAD = 10.0
"""Seconds over which the free slots of a window are spread: early words are waited for most."""
LATENCY_WEIGHT = 0.2
LONGEST_LATENCY = 5.0
LOOK_AGAIN = 1.0
MOST_WINDOWS = 4096


class Window:
    """The calls of one method in one workspace: what was used, and what is promised."""

    def __init__(self, calls: int, seconds: float, minute: float = MINUTE) -> None:
        self._most = max(1, int(calls * DARE)) if calls > 5 else calls
        self._seconds = seconds + max(LEAST_LATE, seconds * SLACK_LATE)
        self._minute = minute
        self._used: deque[float] = deque()
        self._lost = 0.0
        self._lost_at = 0.0
        self._blocked_until = -math.inf
        self.reserved = 0
        self.open = 0

    def cap(self, now: float) -> int:
        """Calls that we dare within a window at this moment."""
        lost = max(0.0, self._lost - (now - self._lost_at) / self._minute * RECOVERY)
        return max(1, int(self._most - lost))

    def free(self, now: float) -> int:
        """Calls that may go without taking what is promised."""
        return self.cap(now) - len(self._recent(now)) - self.reserved

    def wait(self, now: float, *, held: bool) -> float:
        """Seconds until a call may go; one that was promised, or `held`, needs no free slot."""
        used = self._recent(now)
        over = len(used) + (0 if held else self.reserved) - self.cap(now)
        until = self._blocked_until - now
        if over < 0:
            return max(0.0, until)
        # Where promises alone fill the window, no time can be told.
        opens = used[over] + self._seconds - now if over < len(used) else LOOK_AGAIN
        return max(0.0, until, opens)

    def interval(self, now: float) -> float:
        """The distance of intermediate calls at which the free slots last for an answer."""
        return max(FASTEST, self.open * SPREAD / max(1, self.free(now)))

    def departed(self, now: float) -> None:
        """A call is on its way."""
        self._used.append(now)

    def refused(self, now: float, retry_after: float) -> None:
        """A 429: wait as told, and dare half as much from now on."""
        cap = self.cap(now)
        kept = max(int(self._most * FLOOR), cap // 2, 1)
        self._lost, self._lost_at = float(self._most - kept), now
        self._blocked_until = now + retry_after

    def idle(self, now: float) -> bool:
        """Whether nothing would be forgotten with this window."""
        busy = self.reserved or self.open or self._recent(now) or now < self._blocked_until
        return not busy and self.cap(now) == self._most

    def _recent(self, now: float) -> deque[float]:
        while self._used and self._used[0] <= now - self._seconds:
            self._used.popleft()
        return self._used


class Hold:
    """Slots kept for one reply, and its part in the crowd; give them back with `close`."""

    def __init__(
        self, budget: Budget, workspace: str, crowd: str, methods: tuple[str, ...]
    ) -> None:
        self._budget = budget
        self._workspace = workspace
        self._crowd = crowd
        self._methods = list(methods)
        self._window(crowd).open += 1
        for method in methods:
            self._window(method).reserved += 1

    def __contains__(self, method: str) -> bool:
        return method in self._methods

    def spent(self, method: str) -> None:
        """A slot was used, or is not needed any more."""
        if method in self._methods:
            self._methods.remove(method)
            self._window(method).reserved -= 1

    def close(self) -> None:
        """Give back what is left."""
        for method in list(self._methods):
            self.spent(method)
        if self._crowd:
            self._window(self._crowd).open -= 1
            self._crowd = ""

    def _window(self, method: str) -> Window:
        return self._budget.window(self._workspace, method)


@dataclass(frozen=True, slots=True)
class _Key:
    workspace: str
    method: str
    channel: str = ""


class Budget:
    """The windows of every workspace and method. `minute` is how long Slack's minute is.

    `history` is how often in a minute Slack lets the app read what was said; an app that is
    distributed without being in Slack's Marketplace may do so once, others 50 times.
    """

    def __init__(
        self,
        clock: Clock = time.monotonic,
        *,
        minute: float = MINUTE,
        history: int = TIERS[HISTORY],
    ) -> None:
        self._clock = clock
        self._minute = minute
        self._tiers = TIERS | dict.fromkeys((HISTORY, REPLIES), history)
        self._windows: dict[_Key, Window] = {}
        self._latency = 0.0

    def hold(self, workspace: str, crowd: str, *methods: str) -> Hold | None:
        """Keep a slot of every method, or of none; `crowd` is what intermediate calls use."""
        now = self._clock()
        if any(self.window(workspace, method).free(now) < 1 for method in methods):
            return None
        return Hold(self, workspace, crowd, methods)

    def pause(self, workspace: str, method: str, last: float) -> float:
        """Seconds until an intermediate call may go, the one before having gone at `last`."""
        now = self._clock()
        window = self.window(workspace, method)
        interval = max(window.interval(now), 2 * self._latency)
        return max(0.0, last + interval - now, window.wait(now, held=False))

    def admission(self, workspace: str, method: str, channel: str = "", *, held: bool) -> float:
        """Seconds until a call may go at all; 0 for now."""
        now = self._clock()
        return max(w.wait(now, held=held) for w in self._concerned(workspace, method, channel))

    def crowded(self, workspace: str, method: str) -> bool:
        """Whether half of a minute's calls are used, so that what can wait should."""
        now, window = self._clock(), self.window(workspace, method)
        return window.free(now) * 2 < window.cap(now)

    def departed(self, workspace: str, method: str, channel: str = "") -> None:
        """A call is on its way."""
        now = self._clock()
        for window in self._concerned(workspace, method, channel):
            window.departed(now)

    def refused(self, workspace: str, method: str, channel: str, retry_after: float) -> None:
        """Slack answered 429."""
        now = self._clock()
        for window in self._concerned(workspace, method, channel):
            window.refused(now, retry_after)

    def latency(self, seconds: float) -> None:
        """One request took this long."""
        seconds = min(seconds, LONGEST_LATENCY)
        self._latency += LATENCY_WEIGHT * (seconds - self._latency)

    def window(self, workspace: str, method: str, channel: str = "") -> Window:
        """The calls of one method."""
        key = _Key(workspace, method, channel)
        if key not in self._windows:
            self._forget_idle()
            calls, seconds = (
                PER_CHANNEL[method] if channel else (self._tiers.get(method, 50), MINUTE)
            )
            length = seconds * self._minute / MINUTE
            self._windows[key] = Window(calls, length, self._minute)
        return self._windows[key]

    def _forget_idle(self) -> None:
        if len(self._windows) < MOST_WINDOWS:
            return
        now = self._clock()
        self._windows = {key: one for key, one in self._windows.items() if not one.idle(now)}

    def _concerned(self, workspace: str, method: str, channel: str) -> Iterator[Window]:
        yield self.window(workspace, method)
        if channel and method in PER_CHANNEL:
            yield self.window(workspace, method, channel)
