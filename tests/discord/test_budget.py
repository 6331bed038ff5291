"""The arithmetic of edits, in virtual time."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.discord.budget import Budget, Limits
from tests.discord.simulation import Simulation, Stream

ROUND_TRIP = 0.2


class Hand:
    """A clock moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def budget_at(hand: Hand, channel: int = 1) -> Budget:
    budget = Budget(hand)
    budget.opened(channel)
    return budget


def edit(budget: Budget, limits: Limits | None = None, channel: int = 1) -> None:
    budget.departed(channel)
    if limits is not None:
        budget.learn(channel, limits)
    budget.returned(channel)


STREAMS = st.builds(
    Stream, channel=st.integers(0, 30), start=st.floats(0, 8), seconds=st.floats(0.2, 15)
)
TOGETHER = st.builds(
    Stream,
    channel=st.integers(0, 30),
    start=st.just(0.0),
    seconds=STREAMS.map(lambda stream: stream.seconds),
)


def at_most_four_in_a_channel(streams: list[Stream]) -> bool:
    channels = [stream.channel for stream in streams]
    return all(channels.count(channel) <= 4 for channel in channels)


@settings(max_examples=60, deadline=None)
@given(st.lists(STREAMS, min_size=1, max_size=40, unique=True), st.integers(0, 1000))
def test_no_request_is_ever_refused(streams: list[Stream], seed: int) -> None:
    simulation = Simulation(seed)
    simulation.play(streams)
    assert not simulation.refused
    assert len(simulation.final_lag) == len(streams)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(TOGETHER, min_size=1, max_size=40, unique=True).filter(at_most_four_in_a_channel),
    st.integers(0, 1000),
)
def test_every_final_edit_finds_a_slot(streams: list[Stream], seed: int) -> None:
    simulation = Simulation(seed)
    simulation.play(streams)
    assert not simulation.refused
    # Before its first answer, discord.py lets one edit of a channel out at a time.
    assert simulation.longest_hold["final"] < 2 * ROUND_TRIP


@settings(max_examples=20, deadline=None)
@given(
    limit=st.integers(2, 10),
    window=st.floats(1, 20),
    seed=st.integers(0, 1000),
)
def test_limits_other_than_the_usual_are_learned_from_the_first_answers(
    limit: int, window: float, seed: int
) -> None:
    simulation = Simulation(seed, limit=limit, window=window)
    simulation.play([Stream(channel, 0.0, 30.0) for channel in range(5)])
    assert not simulation.refused


def test_sixty_channels_at_once_stay_under_the_global_limit() -> None:
    simulation = Simulation(seed=3)
    simulation.play([Stream(channel, 0.0, 17.0) for channel in range(60)])
    assert not simulation.refused
    assert max(simulation.final_lag.values()) < 2.5
    assert min(simulation.shown.values()) >= 3


def test_a_lone_reply_of_seventeen_seconds_grows_a_dozen_times_and_ends_at_once() -> None:
    simulation = Simulation(seed=1)
    stream = Stream(1, 0.0, 17.0)
    simulation.play([stream])
    assert simulation.shown[stream] >= 12
    assert simulation.final_lag[stream] < 0.2


def test_edits_are_spread_evenly_over_the_window() -> None:
    hand = Hand()
    budget = budget_at(hand)
    assert budget.pause(1) == 0
    edit(budget, Limits(5, 4, 5.0))
    assert budget.pause(1) == 1.25


def test_the_last_slot_is_kept_until_the_window_is_over() -> None:
    hand = Hand()
    budget = budget_at(hand)
    edit(budget, Limits(5, 1, 4.5))
    hand.now += 2
    assert budget.pause(1) == 2.5
    hand.now += 2.5
    assert budget.pause(1) == 0


def test_an_edit_on_its_way_counts_before_its_answer() -> None:
    hand = Hand()
    budget = budget_at(hand)
    edit(budget, Limits(5, 2, 5.0))
    hand.now += 3
    assert budget.pause(1) == 0
    budget.departed(1)
    hand.now += 1.99
    assert budget.pause(1) > 0


def test_answers_that_overtake_each_other_free_no_slot() -> None:
    hand = Hand()
    budget = budget_at(hand)
    budget.departed(1)
    budget.departed(1)
    edit(budget, Limits(5, 1, 5.0))
    budget.learn(1, Limits(5, 2, 5.0))
    budget.returned(1)
    budget.returned(1)
    hand.now += 4
    assert budget.pause(1) == 1


def test_a_refusal_blocks_the_channel_and_halves_its_pace() -> None:
    hand = Hand()
    budget = budget_at(hand)
    budget.refused(3.0, 1)
    assert budget.pause(1) == 3
    hand.now += 3
    edit(budget, Limits(5, 4, 5.0))
    assert 2.4 < budget.pause(1) < 2.5


def test_a_refusal_shared_with_others_blocks_but_does_not_slow() -> None:
    hand = Hand()
    budget = budget_at(hand)
    budget.refused(3.0, 1, ours=False)
    assert budget.pause(1) == 3
    hand.now += 3
    edit(budget, Limits(5, 4, 5.0))
    assert budget.pause(1) == 1.25


def test_the_pace_is_won_back_in_minutes() -> None:
    hand = Hand()
    budget = budget_at(hand)
    budget.refused(1.0, 1)
    hand.now += 300
    edit(budget, Limits(5, 4, 5.0))
    assert budget.pause(1) == 1.25


def test_a_global_refusal_holds_every_request_of_every_channel() -> None:
    hand = Hand()
    budget = budget_at(hand)
    budget.refused(2.0)
    assert budget.admission() == 2
    assert budget.pause(7) == 2


def test_a_slow_network_stretches_the_interval() -> None:
    hand = Hand()
    budget = budget_at(hand)
    for _ in range(40):
        budget.latency(1.5)
    edit(budget, Limits(5, 4, 5.0))
    assert 2.9 < budget.pause(1) <= 3.0


def test_a_channel_that_allows_one_edit_at_a_time_still_shows_some() -> None:
    hand = Hand()
    budget = budget_at(hand)
    edit(budget, Limits(1, 0, 2.0))
    assert budget.pause(1) == 2
    hand.now += 2
    assert budget.pause(1) == 0


def test_more_replies_than_slots_in_one_channel_still_show_some() -> None:
    hand = Hand()
    budget = Budget(hand)
    for _ in range(9):
        budget.opened(1)
    assert budget.pause(1) == 0


def test_channels_without_replies_are_forgotten() -> None:
    hand = Hand()
    budget = Budget(hand)
    for channel in range(1000):
        budget.opened(channel)
        edit(budget, Limits(5, 4, 5.0), channel)
        budget.closed(channel)
        hand.now += 10
    assert len(budget._buckets) <= 256
