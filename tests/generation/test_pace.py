"""What is made of measured speed: steps that do not stall, and waits foretold."""

from __future__ import annotations

import random

from bot.generation.pace import LEAST_PREFILL, Pace
from bot.generation.request import Request
from bot.values import Sampling


def request(new: int = 100) -> Request:
    return Request((5,), Sampling(max_new_tokens=new), "a", frozenset({1}), seed=0)


def seconds(decoding: int, prefill: int) -> float:
    """A machine that takes 2 ms a token, and 30 ms for a step with answers."""
    return 0.002 * prefill + (0.03 if decoding else 0.0)


def test_steps_take_no_longer_than_the_stall_while_answers_are_running() -> None:
    pace = Pace(stall=0.25, most=2048)
    dice = random.Random(1)
    assert pace.prefill(0) == 2048
    pace.note_step(0, 2048, seconds(0, 2048))
    pace.note_step(4, 0, seconds(4, 0))
    for _ in range(30):
        share = pace.prefill(4)
        assert seconds(4, share) <= 0.26
        pace.note_step(4, share, seconds(4, share) * dice.uniform(0.95, 1.05))
    assert seconds(4, pace.prefill(4)) > 0.2
    assert pace.prefill(0) == 2048


def test_a_slow_machine_reads_a_little_in_every_step() -> None:
    pace = Pace(stall=0.25, most=256)
    pace.note_step(4, 0, 1.0)
    pace.note_step(4, 64, 3.0)
    assert pace.prefill(4) == LEAST_PREFILL


def test_nothing_is_foretold_before_it_was_measured() -> None:
    pace = Pace(stall=0.25, most=256)
    running, waiting = request(), request()
    pace.foretell([running], [waiting], seats=1)
    assert (running.wait, waiting.wait) == (0.0, None)


def test_those_who_wait_hear_when_the_running_answers_will_have_ended() -> None:
    pace = Pace(stall=0.25, most=256)
    for _ in range(5):
        pace.note_step(2, 0, 0.1)
        pace.note_length(40)
    running, waiting = [request(), request(new=10)], [request() for _ in range(3)]
    pace.foretell(running, waiting, seats=2)
    waits = [one.wait for one in waiting]
    assert waits == [10 * pace.step.value, 40 * pace.step.value, 50 * pace.step.value]  # type: ignore[operator]
    assert all(one.wait == 0.0 for one in running)
