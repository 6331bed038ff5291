"""Places and message ids."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.slack.places import (
    Address,
    Habits,
    channel_place,
    ids_of,
    message_id,
    place_of,
    root_for,
    workspace_key,
)
from bot.values import Place

THREADS, CHANNELS = Habits(), Habits(in_thread=False)
ROOT, REPLY = {"ts": "17.1"}, {"ts": "17.2", "thread_ts": "17.1"}


@pytest.mark.parametrize(
    ("enterprise", "team", "key"),
    [(None, "T1", "T1"), ("E1", "T1", "E1.T1"), ("E1", None, "E1")],
)
def test_a_workspace_has_one_name_and_back(
    enterprise: str | None, team: str | None, key: str
) -> None:
    assert workspace_key(enterprise, team) == key
    assert ids_of(key) == (enterprise, team)


@pytest.mark.parametrize(
    ("event", "habits", "place_id"),
    [
        (ROOT, THREADS, "slack:T1/C1/17.1"),
        (REPLY, THREADS, "slack:T1/C1/17.1"),
        (ROOT, CHANNELS, "slack:T1/C1"),
        (REPLY, CHANNELS, "slack:T1/C1/17.1"),
        ({"ts": "17.1", "thread_ts": "17.1"}, CHANNELS, "slack:T1/C1"),
    ],
)
def test_a_message_belongs_to_one_conversation(
    event: dict[str, str], habits: Habits, place_id: str
) -> None:
    place = place_of("T1", "C1", event, habits)
    assert place.id == place_id
    assert Place.parse(place_id) == place


def test_exceptions_do_it_the_other_way() -> None:
    habits = Habits(in_thread_except=frozenset({"C1"}), follow_except=frozenset({"C2"}))
    assert [habits.answers_in_thread(c) for c in ("C1", "C2")] == [False, True]
    assert [habits.follows(c) for c in ("C1", "C2")] == [True, False]


@pytest.mark.parametrize(("event", "root"), [(ROOT, "17.1"), (REPLY, "17.1")])
def test_an_answer_in_private_goes_to_the_thread_of_its_message(
    event: dict[str, str], root: str
) -> None:
    place = place_of("T1", "D1", event, THREADS)
    assert place == channel_place("T1", "D1")
    assert root_for(place, message_id("D1", event)) == root


@given(st.sampled_from(["C1", "D1", "G1"]), st.sampled_from([ROOT, REPLY]))
def test_a_message_id_names_channel_and_message(channel: str, event: dict[str, str]) -> None:
    address = Address.parse(message_id(channel, event))
    assert (address.channel, address.ts) == (channel, event["ts"])
