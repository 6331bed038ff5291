"""Who is admitted when, what a step holds, and which slot has which tokens; without a model."""

from __future__ import annotations

import time

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.generation.fairness import FairQueue
from bot.generation.memory.contiguous import ContiguousMemory
from bot.generation.memory.key_value import KeyValueShape, Limits
from bot.generation.pace import LEAST_PREFILL, Pace
from bot.generation.prefixes import Match, Slots, common_prefix
from bot.generation.request import Request
from bot.generation.scheduler import Scheduler
from bot.values import FinishReason, Sampling


def request(where: str = "a", length: int = 3, new: int = 4, first: int = 5) -> Request:
    ids = (first, *range(100, 99 + length))
    return Request(ids, Sampling(max_new_tokens=new), where, frozenset({1}), seed=0)


def scheduler(
    slots: int = 4, budget: int = 32, running: int = 4, tokens: int = 4096, context: int = 1024
) -> Scheduler:
    memory = ContiguousMemory(
        KeyValueShape(layers=1, heads=1, head_dim=2),
        Limits(tokens, context),
        device=torch.device("cpu"),
        dtype=torch.float32,
    )
    pace = Pace(stall=0.25, most=budget)
    return Scheduler(Slots(slots), memory, pace, max_running=running, context=context)


def step(scheduler: Scheduler, token: int = 7) -> dict[Request, int]:
    """One step of a model that always says the same; how many tokens each request had in it."""
    plan = scheduler.plan()
    scheduler.advance(plan, [token if work.samples else None for work in plan])
    return {work.request: work.count for work in plan}


def test_places_take_turns_and_keep_their_own_order() -> None:
    queue = FairQueue()
    busy = [request("busy") for _ in range(3)]
    late = [request("late") for _ in range(2)]
    for one in (*busy, *late):
        queue.add(one)
    fair = [busy[0], late[0], busy[1], late[1], busy[2]]
    assert list(queue) == fair
    assert [queue.take() for _ in range(5)] == fair
    assert len(queue) == 0


@given(st.lists(st.sampled_from("abcd"), max_size=30))
def test_nobody_waits_for_more_than_one_of_each_other_place_per_turn(places: list[str]) -> None:
    queue = FairQueue()
    for where in places:
        queue.add(request(where))
    foretold = list(queue)
    taken = [queue.take() for _ in places]
    assert taken == foretold
    for where in set(places):
        for other in set(places) - {where}:
            turns = [one.place for one in taken if one.place in (where, other)]
            alternating = 2 * min(turns.count(where), turns.count(other))
            pairs = zip(turns[:alternating:2], turns[1:alternating:2], strict=True)
            assert all(first != second for first, second in pairs)


def test_a_request_put_back_is_next() -> None:
    queue = FairQueue()
    first, second = request("a"), request("b")
    queue.add(first)
    queue.add(second)
    again = request("c")
    queue.put_back(again)
    assert list(queue) == [again, first, second]
    queue.remove(first)
    assert list(queue) == [again, second]


def test_running_answers_get_a_token_in_every_step_while_a_long_prompt_is_read() -> None:
    plan = scheduler()
    running, long = request("a", new=50), request("b", length=300)
    plan.add(running)
    step(plan)
    plan.add(long)
    shares = [step(plan) for _ in range(8)]
    assert all(share[running] == 1 for share in shares)
    assert all(share[long] == 31 for share in shares)


def test_a_short_prompt_is_not_held_up_by_a_long_one() -> None:
    plan = scheduler(budget=64)
    long, short = request("a", length=1000), request("b", length=20, first=6)
    plan.add(long)
    plan.add(short)
    shares = step(plan)
    assert shares == {long: 44, short: 20}


def test_short_prompts_do_not_starve_a_long_one() -> None:
    plan = scheduler(budget=64)
    long = request("a", length=1000)
    plan.add(long)
    for number in range(20):
        plan.add(request(f"b{number}", length=60, new=1, first=6 + number))
        step(plan)
    assert long.computed >= 20 * 32


def test_a_full_batch_still_reads_prompts() -> None:
    plan = scheduler(slots=8, budget=2, running=8)
    for number in range(7):
        plan.add(request(f"a{number}", length=1, new=90))
    step(plan)
    last = request("b", length=100, first=6)
    plan.add(last)
    assert step(plan)[last] == LEAST_PREFILL


def test_no_more_run_than_there_are_slots_and_the_rest_know_their_place() -> None:
    plan = scheduler(slots=2)
    waiting = [request(f"p{number}") for number in range(5)]
    for one in waiting:
        plan.add(one)
    step(plan)
    plan.number()
    assert [one.waiting for one in waiting] == [0, 0, 1, 2, 3]
    plan.end(waiting[0])
    plan.end(waiting[4])
    step(plan)
    plan.number()
    assert [one.waiting for one in waiting[1:4]] == [0, 0, 1]


def test_an_answer_ends_at_its_length_or_at_an_end_token() -> None:
    plan = scheduler()
    one, other = request("a", new=2), request("b", new=9)
    plan.add(one)
    plan.add(other)
    work = plan.plan()
    plan.advance(work, [7] * 2)
    work = plan.plan()
    outputs = plan.advance(work, [7 if w.request is one else 1 for w in work])
    endings = {output.request: output.ending for output in outputs}
    assert endings == {one: FinishReason.LENGTH, other: FinishReason.STOP}
    assert not plan.busy


def test_the_oldest_retained_slot_is_given_up_first() -> None:
    plan = scheduler(slots=3, running=1)
    for number, where in enumerate("abcd"):
        plan.add(request(where, length=30, new=1, first=10 + number))
        step(plan)
    back = [request(where, length=30, first=10 + "abcd".index(where)) for where in "bcda"]
    slots = plan.slots
    for one in back[:3]:
        assert slots.match(one).shared == 29
    assert slots.match(back[3]).shared == 0


def test_who_was_answered_last_or_gave_another_a_beginning_is_given_up_last() -> None:
    plan = scheduler(slots=4, budget=200)
    slow, quick = request("slow", 30, new=5, first=10), request("quick", 30, new=1, first=11)
    giver = request("giver", 30, new=1, first=12)
    for one in (giver, slow, quick):
        plan.add(one)
    while plan.busy:
        step(plan)
    plan.add(request("taker", 40, new=1, first=12))
    step(plan)
    order = []
    while (index := plan.slots.evict()) is not None:
        order.append(next(slot.place for slot in plan.slots._slots if slot.index == index))
    assert order == ["quick", "slow", "giver", "taker"]


def test_an_answer_that_was_put_back_goes_on_where_it_was() -> None:
    plan = scheduler()
    old, young = request("a", new=9), request("b", new=9, first=6)
    plan.add(old)
    plan.add(young)
    step(plan)
    plan.put_back_youngest()
    plan.forget()
    assert step(plan) == {old: len(old.tokens) - 1}
    assert plan.running == [old]
    plan.end(old)
    assert step(plan) == {young: 4}
    assert young.tokens[-2:] == [7, 7]


@given(
    st.lists(st.integers(0, 3), max_size=40),
    st.lists(st.integers(0, 3), max_size=40),
    st.integers(0, 40),
)
@settings(max_examples=300)
def test_the_common_prefix_is_what_counting_finds(
    one: list[int], other: list[int], shared: int
) -> None:
    other = one[:shared] + other
    counted = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        counted += 1
    assert common_prefix(one, other) == counted


def test_retained_conversations_are_given_up_one_by_one_as_room_is_needed() -> None:
    plan = scheduler(slots=8, budget=512, tokens=1100)
    for number in range(4):
        plan.add(request(f"p{number}", length=200, new=1, first=10 + number))
        step(plan)
    assert plan.slots.retained == 4
    plan.add(request("late", length=300, new=1, first=90))
    step(plan)
    assert 0 < plan.slots.evicted < 4
    assert plan.slots.match(request("p3", length=200, first=13)).shared == 199
    assert plan.slots.match(request("p0", length=200, first=10)).shared == 0


def test_the_youngest_answer_gives_way_when_memory_runs_out_and_goes_on_later() -> None:
    plan = scheduler(slots=4, budget=512, tokens=600, context=500)
    old, young = request("a", length=240, new=200), request("b", length=240, new=200, first=6)
    plan.add(old)
    plan.add(young)
    seen = set()
    for _ in range(450):
        seen.add(tuple(one.place for one in plan.running))
        step(plan)
    assert {("a", "b"), ("a",), ("b",)} <= seen
    assert plan.preempted == 1
    assert (old.generated, young.generated) == (200, 200)
    assert not plan.busy


def test_whoever_does_not_fit_yet_waits_and_is_not_overtaken() -> None:
    plan = scheduler(slots=4, budget=2000, tokens=1100, context=1000)
    running, big, small = request("a", 600), request("b", 700, first=6), request("c", 5, first=7)
    for one in (running, big, small):
        plan.add(one)
    step(plan)
    assert plan.running == [running]
    plan.end(running)
    step(plan)
    assert plan.running == [big, small]


@given(
    st.lists(
        st.tuples(st.integers(1, 190), st.integers(1, 190), st.sampled_from("abcd")),
        max_size=25,
    ),
    st.integers(250, 900),
)
@settings(max_examples=60, deadline=None)
def test_everybody_is_answered_in_any_memory(
    asked: list[tuple[int, int, str]], tokens: int
) -> None:
    plan = scheduler(slots=6, budget=64, running=4, tokens=tokens, context=200)
    requests = []
    for length, new, where in asked:
        one = request(where, length=length, new=min(new, 200 - length), first=length)
        requests.append(one)
        plan.add(one)
    for _ in range(25 * 400):
        if not plan.busy:
            break
        step(plan)
    assert all(one.generated == one.sampling.max_new_tokens for one in requests)
    assert not plan.busy


def test_what_one_adapter_computed_is_nothing_to_another() -> None:
    plan = scheduler(budget=512)
    plan.add(adapted("a", "verse"))
    step(plan)
    assert plan.slots.match(adapted("a", "verse")).shared == 99
    for adapter in ("", "prose", "verse2", "vers"):
        assert plan.slots.match(adapted("a", adapter)).shared == 0
        assert plan.slots.match(adapted("b", adapter)).shared == 0
    assert plan.slots.match(adapted("b", "verse")).shared == 99


def adapted(where: str, adapter: str) -> Request:
    one = request(where, length=100, new=50)
    one.adapter = adapter
    return one


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.lists(st.integers(0, 2), max_size=6)), max_size=30
    ),
    st.tuples(st.sampled_from("ab"), st.lists(st.integers(0, 2), min_size=1, max_size=7)),
)
@settings(max_examples=300)
def test_the_longest_beginning_that_any_slot_has_is_found(
    retained: list[tuple[str, list[int]]], asked: tuple[str, list[int]]
) -> None:
    slots = Slots(64)

    def take(adapter: str, ids: list[int], where: str) -> Request:
        one = Request(tuple(ids), Sampling(), where, frozenset(), seed=0, adapter=adapter)
        slots.take(one, Match(None, None, 0))
        one.computed = len(ids)
        return one

    taken = [take(adapter, ids, f"p{n}") for n, (adapter, ids) in enumerate(retained)]
    for one in taken[: len(taken) // 2]:
        slots.release(one)
    adapter, ids = asked
    wanted = max(
        (common_prefix(have, ids[:-1]) for other, have in retained if other == adapter), default=0
    )
    new = Request(tuple(ids), Sampling(), "new", frozenset(), seed=0, adapter=adapter)
    assert slots.match(new).shared == wanted


def test_a_beginning_is_found_quickly_among_hundreds_of_slots() -> None:
    slots = Slots(512)
    persona = list(range(500))
    for number in range(500):
        one = Request((*persona, number, *range(3000)), Sampling(), f"p{number}", frozenset(), 0)
        slots.take(one, Match(None, None, 0))
        one.computed = 3500
        slots.release(one)
    asked = [
        Request((*persona, number, *range(3000), 7), Sampling(), "new", frozenset(), 0)
        for number in range(100)
    ]
    begun = time.process_time()
    assert all(slots.match(one).shared == 3500 for one in asked)
    assert (time.process_time() - begun) / len(asked) < 0.005
