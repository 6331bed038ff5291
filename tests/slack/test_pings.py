"""No text notifies anybody, however it is cut while it grows."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.slack.pings import harmless, settled

PING = re.compile(r"<(?:!(?:channel|here|everyone|group|subteam)|@[UWBS][A-Z0-9])")
HOSTILE = st.lists(
    st.sampled_from(
        [
            "<",
            "<!",
            "<@",
            "!channel>",
            "!here|x>",
            "@U12",
            "@W9>",
            ">",
            "a",
            "S",
            "!subteam^S1>",
            "<!channel>",
            "<@U1>",
            "<!everyone>",
            "&lt;",
            "<!doctype",
            "<@NonNull",
        ]
    )
).map("".join)


@given(HOSTILE | st.text(alphabet="<>!@#UWchanelryvosubtmgp^|1 "))
def test_nothing_is_left_that_pings_and_the_length_stays(text: str) -> None:
    assert not PING.search(harmless(text))
    assert len(harmless(text)) == len(text)
    assert harmless(text).replace("‹", "<") == text.replace("‹", "<")


@given(HOSTILE, HOSTILE)
def test_what_is_settled_stays_the_beginning_of_whatever_follows(begun: str, more: str) -> None:
    assert harmless(begun + more).startswith(settled(begun))
    assert not PING.search(settled(begun) + harmless(begun + more)[len(settled(begun)) :])


def test_code_and_markup_that_pings_nobody_stays_as_it_is() -> None:
    text = "<!doctype html> <!-- hi --> List<@NonNull String> a<b <@lower> <https://x.y>"
    assert harmless(text) == text


def test_little_is_held_back() -> None:
    assert settled("a < b") == "a < b"
    assert settled("a <") == "a "
    assert settled("a <!chan") == "a "
    assert settled("a <!chat") == "a <!chat"


@pytest.mark.parametrize(
    "text",
    ["<https://evil.com|bank.com>", "<HTTP://evil.com|@here>", "<!date^1^{date}^https://e.v|x>"],
)
def test_a_link_with_a_label_is_none(text: str) -> None:
    assert harmless(text) == f"‹{text[1:]}"
    assert settled(text[:6]) == ""
    assert harmless("<mailto:a<@U1|x>") == "‹mailto:a‹@U1|x>"
