"""Discord's markup as people see it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.markup import MARKUP, Names, pointing, readable, without_mention

NAMES = Names({1: "Ann"}.get, {2: "keepers"}.get, {3: "knots"}.get)
PIECES = ["<@1>", "<@!9>", "<@&2>", "<#3>", "<:a:4>", "<t:", "5", ":R>", "</a b:6>", "<", ">", "@"]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("hi <@1> and <@!1>", "hi @Ann and @Ann"),
        ("<@8>", "@unknown-user"),
        ("<@&2> <@&8>", "@keepers @unknown-role"),
        ("<#3> <#8>", "#knots #unknown"),
        ("<:wave:1> <a:dance:2>", ":wave: :dance:"),
        ("<t:1762178700>", "2025-11-03 14:05 UTC"),
        ("<t:1762178700:R>", "2025-11-03 14:05 UTC"),
        ("<t:1762178700:t>", "14:05 UTC"),
        ("<t:1762178700:D>", "2025-11-03"),
        ("<t:99999999999999>", "<t:99999999999999>"),
        ("</persona set:12>", "/persona set"),
        ("<id:browse>", "#browse"),
        ("a < b and <b> and <@x>", "a < b and <b> and <@x>"),
        ("@everyone", "@everyone"),
    ],
)
def test_each_kind_of_markup_reads_as_it_looks(written: str, shown: str) -> None:
    assert readable(written, NAMES) == shown


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("<@7> hi", "hi"),
        ("<@!7>, hi", "hi"),
        ("<@7>: hi", "hi"),
        ("<@7> :)", ":)"),
        ("<@7>:smile:", ":smile:"),
        ("hi <@7>", "hi"),
        ("<@7> <@7> hi <@7>", "hi"),
        ("what does <@7> say?", "what does @Quipu say?"),
        (" <@7> ", ""),
        ("<@77> hi", "<@77> hi"),
    ],
)
def test_the_bots_own_mention_goes_from_both_ends(written: str, left: str) -> None:
    assert without_mention(written, 7, "Quipu") == left


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=5))).map("".join))
def test_nothing_that_people_write_breaks_the_reading(written: str) -> None:
    shown = readable(without_mention(written, 7, "Quipu"), NAMES)
    assert "<@1>" not in shown or "<@1>" in MARKUP.sub("", written)


@given(st.text(st.characters(exclude_characters="<")))
def test_text_without_markup_stays_as_it_is(written: str) -> None:
    assert readable(written, NAMES) == written


@given(st.text(), st.integers(1, 2**63))
def test_the_mention_is_gone_from_wherever_it_stood(written: str, bot: int) -> None:
    assert f"<@{bot}>" not in without_mention(f"{written}<@{bot}>{written}", bot, "Quipu")


def test_long_hostile_text_is_read_at_once() -> None:
    began = time.perf_counter()
    for hostile in (" " * 4000 + "x", "<@7>" + " " * 4000 + "x", "<@" * 2000, "</" + "a" * 4000):
        readable(without_mention(hostile, 7, "Quipu"), NAMES)
    assert time.perf_counter() - began < 0.5


def test_entries_of_lists_are_shown_as_who_they_are() -> None:
    listed = "`person:1`, `role:2` and `channel:3`, not `person:x` or `seed:4`"
    assert pointing(listed) == "<@1>, <@&2> and <#3>, not `person:x` or `seed:4`"
