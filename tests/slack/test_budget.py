"""Slack's sliding minutes, simulated: nothing avoidable is refused, every final has its slot."""

from __future__ import annotations

import heapq
import math
from collections import Counter, deque
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.slack.budget import (
    APPEND,
    HISTORY,
    POST,
    REPLIES,
    START,
    STOP,
    TIERS,
    UPDATE,
    Budget,
    Hold,
    Window,
)

MINUTE = 60.0
ANSWER = 16.7


class Slack:
    """Counts calls as Slack does: published tiers, windows of one minute that slide."""

    def __init__(self) -> None:
        self.calls: dict[str, deque[float]] = {}
        self.refused: Counter[str] = Counter()

    def arrives(self, method: str, at: float) -> None:
        moments = self.calls.setdefault(method, deque())
        while moments and moments[0] <= at - MINUTE:
            moments.popleft()
        if len(moments) >= TIERS[method]:
            self.refused[method] += 1
        moments.append(at)


@dataclass
class Sim:
    """A budget whose clock we set, in front of a Slack that answers after `lag`."""

    lag: float = 0.05
    now: float = 0.0
    slack: Slack = field(default_factory=Slack)

    def __post_init__(self) -> None:
        self.budget = Budget(lambda: self.now)
        self.late: list[float] = []
        self.updates: list[int] = []

    def call(self, method: str) -> None:
        self.budget.departed("T1", method)
        self.slack.arrives(method, self.now + self.lag)

    def admitted(self, method: str, *, held: bool) -> bool:
        return self.budget.admission("T1", method, held=held) == 0


class SimReply:
    """One reply's life in steps; `step` does what is due and says when to come back."""

    def __init__(self, sim: Sim, begins: float, *, native: bool) -> None:
        self._sim = sim
        self._ends = begins + ANSWER
        self._native = native
        self._hold: Hold | None = None
        self._final = ""
        self._grow = ""
        self._last = -math.inf
        self._shown = 0

    def step(self) -> float | None:
        if not self._final:
            self._open()
        elif self._sim.now >= self._ends:
            return self._end()
        elif self._grow:
            self._show()
        return min(self._ends, self._sim.now + 0.2)

    def _open(self) -> None:
        budget = self._sim.budget
        if self._native and (hold := budget.hold("T1", APPEND, START, STOP)):
            self._hold, self._grow, self._final = hold, APPEND, STOP
            self._sim.call(START)
            hold.spent(START)
        elif hold := budget.hold("T1", UPDATE, UPDATE):
            self._hold, self._grow, self._final = hold, UPDATE, UPDATE
            self._sim.call(POST)
        else:
            self._final = POST
        self._last = self._sim.now
        self._shown = 1

    def _show(self) -> None:
        if self._sim.budget.pause("T1", self._grow, self._last) == 0:
            self._sim.call(self._grow)
            self._last = self._sim.now
            self._shown += 1

    def _end(self) -> float | None:
        if not self._sim.admitted(self._final, held=self._hold is not None):
            return self._sim.now + 0.1
        self._sim.call(self._final)
        self._sim.late.append(self._sim.now - self._ends)
        self._sim.updates.append(self._shown + 1)
        if self._hold:
            self._hold.close()
        return None


def simulate(starts: list[float], *, native: bool, lag: float = 0.05) -> Sim:
    sim = Sim(lag)
    waiting = [(begins, number) for number, begins in enumerate(starts)]
    replies = [SimReply(sim, begins, native=native) for begins in starts]
    heapq.heapify(waiting)
    while waiting:
        sim.now, number = heapq.heappop(waiting)
        again = replies[number].step()
        if again is not None:
            heapq.heappush(waiting, (again, number))
    return sim


@settings(max_examples=60, deadline=None)
@given(
    starts=st.lists(st.floats(0, 240), min_size=1, max_size=40),
    native=st.booleans(),
    lag=st.floats(0, 0.2),
)
def test_nothing_is_refused_and_every_final_goes_at_once(
    starts: list[float], native: bool, lag: float
) -> None:
    sim = simulate(starts, native=native, lag=lag)
    assert sim.slack.refused == Counter()
    assert len(sim.late) == len(starts)
    assert max(sim.late) < 0.3


def test_twenty_streams_at_once_end_on_time_and_show_several_updates() -> None:
    sim = simulate([0.0] * 20, native=True)
    assert sim.slack.refused == Counter()
    assert max(sim.late) < 0.3
    assert sum(sim.updates) / 20 >= 3


def test_twenty_answers_by_edits_end_on_time() -> None:
    sim = simulate([0.0] * 20, native=False)
    assert sim.slack.refused == Counter()
    assert max(sim.late) < 0.3
    assert sum(sim.updates) / 20 >= 2.5


def test_a_single_stream_shows_an_update_about_every_second() -> None:
    sim = simulate([0.0], native=True)
    assert sim.updates[0] >= 10


def test_a_second_wave_is_promised_no_more_than_there_is() -> None:
    sim = simulate([0.0] * 20 + [20.0] * 20, native=True)
    assert sim.slack.refused == Counter()
    assert max(sim.late) < 0.3


def test_slots_are_held_together_or_not_at_all() -> None:
    budget = Budget(lambda: 0.0)
    for _ in range(19):
        budget.departed("T1", STOP)
    assert budget.hold("T1", APPEND, START, STOP) is None
    assert budget.window("T1", START).reserved == 0


def test_workspaces_share_nothing() -> None:
    budget = Budget(lambda: 0.0)
    for _ in range(60):
        budget.departed("T1", UPDATE)
    assert budget.admission("T1", UPDATE, held=True) > 0
    assert budget.admission("T2", UPDATE, held=True) == 0


def test_a_429_is_waited_out_and_halves_what_we_dare_until_it_is_won_back() -> None:
    now = 0.0
    budget = Budget(lambda: now)
    budget.refused("T1", UPDATE, "", 7.0)
    assert budget.admission("T1", UPDATE, held=True) == 7.0
    window = budget.window("T1", UPDATE)
    assert window.cap(0.0) == 23
    assert window.cap(600.0) == 33
    assert window.cap(86_400.0) == 47


def test_an_app_that_may_read_once_a_minute_does_so_once_a_minute() -> None:
    budget = Budget(lambda: 0.0, history=1)
    for method in (HISTORY, REPLIES):
        assert budget.admission("T1", method, held=False) == 0
        budget.departed("T1", method)
        assert budget.admission("T1", method, held=False) > MINUTE


def test_even_a_flood_of_429s_leaves_a_quarter() -> None:
    window = Window(50, MINUTE)
    for second in range(50):
        window.refused(float(second), 1.0)
    assert window.cap(50.0) >= 11


def test_posts_into_one_channel_are_spread() -> None:
    now = 0.0
    budget = Budget(lambda: now)
    for _ in range(5):
        assert budget.admission("T1", POST, "C1", held=False) == 0
        budget.departed("T1", POST, "C1")
    assert budget.admission("T1", POST, "C1", held=False) > 4
    assert budget.admission("T1", POST, "C2", held=False) == 0


def test_slow_requests_widen_the_distance() -> None:
    budget = Budget(lambda: 100.0)
    before = budget.pause("T1", UPDATE, 100.0)
    for _ in range(50):
        budget.latency(4.0)
    assert budget.pause("T1", UPDATE, 100.0) > before + 4
