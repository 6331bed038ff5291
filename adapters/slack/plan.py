"""How one reply is shown, by what the budget can promise: nothing is begun that cannot end."""

from __future__ import annotations

import math
from enum import Enum

from adapters.slack.budget import APPEND, START, STOP, UPDATE, Budget, Clock, Hold


class Mode(Enum):
    """How an unfinished text is shown."""

    STREAM = "as a native stream"
    EDITS = "by edits"
    WHOLE = "not at all: the answer comes in one piece"


class Plan:
    """The mode of one reply, and the slots that it keeps for its ending."""

    def __init__(self, budget: Budget, workspace: str, clock: Clock) -> None:
        self._budget = budget
        self._workspace = workspace
        self._clock = clock
        self._hold: Hold | None = None
        self._last = -math.inf
        self.mode = Mode.WHOLE

    def choose(self, *, native: bool) -> None:
        """The best that can be promised now; what was kept before is given back."""
        self.release()
        if native:
            self._hold = self._budget.hold(self._workspace, APPEND, START, STOP)
        if self._hold is not None:
            self.mode = Mode.STREAM
        else:
            self.edits()

    def edits(self) -> None:
        """Go on by edits, or in silence where none can be promised."""
        self.release()
        self._hold = self._budget.hold(self._workspace, UPDATE, UPDATE)
        self.mode = Mode.EDITS if self._hold else Mode.WHOLE

    def release(self) -> None:
        """Give back what is kept."""
        if self._hold is not None:
            self._hold.close()
            self._hold = None

    def keeps(self, method: str) -> bool:
        """Whether a slot of this method is ours."""
        return self._hold is not None and method in self._hold

    def streaming(self) -> None:
        """The stream has started."""
        if self._hold is not None:
            self._hold.spent(START)
        self.showed()

    def showed(self) -> None:
        """Something was shown just now."""
        self._last = self._clock()

    def pause(self) -> float:
        """Seconds until more may be shown; infinity for never."""
        if self.mode is Mode.WHOLE:
            return math.inf
        if self._last == -math.inf:
            return 0.0
        method = APPEND if self.mode is Mode.STREAM else UPDATE
        return self._budget.pause(self._workspace, method, self._last)
