"""What the model writes, as people see it: nothing unseen, no disguise, nothing hidden by a cut."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.text.honest import certain, honest
from bot.text.split import split
from bot.text.veil import LOOK_ALIKE, pairs


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("\x1b]0;title\x07hi", "]0;titlehi"),
        ("safe\u202e gpj.exe", "safe gpj.exe"),
        ("a\r\nb\u2028c", "a\nb\nc"),
        ("hi\U000e0041\U000e0042", "hi"),
        ("[https://bank.com](https://evil.com)", "［https://bank.com](https://evil.com)"),
        ("[bank.com](<https://bank.com@evil.com>)", "［bank.com](<https://bank.com@evil.com>)"),
        ("[**bank.com**](http://bank.com.evil.io)", "［**bank.com**](http://bank.com.evil.io)"),
    ],
)
def test_what_deceives_is_taken_out_or_shown(written: str, shown: str) -> None:
    assert honest(written) == shown


@pytest.mark.parametrize(
    "text",
    [
        "[the docs](https://docs.python.org/3)",
        "[python.org](https://docs.python.org/3/)",
        "[https://x.com/a](https://x.com/a)",
        "[README.md](https://github.com/a/b/blob/main/README.md)",
        "a[0](x) שלום 👨‍👩‍👧 \t```py\nx[1](y)\n```",
    ],
)
def test_what_is_honest_stays_as_it_is(text: str) -> None:
    assert honest(text) == text


LINKS = st.lists(
    st.sampled_from(
        [
            "[",
            "]",
            "(",
            ")",
            "](",
            "bank.com",
            "https://",
            "evil.com",
            ".",
            "/",
            " ",
            "*",
            "<",
            "a",
            "@",
        ]
    ),
    max_size=14,
).map("".join)


@settings(max_examples=800, deadline=None)
@given(LINKS, LINKS)
def test_what_is_certain_stays_the_beginning_of_whatever_follows(begun: str, more: str) -> None:
    assert honest(begun + more).startswith(honest(certain(begun)))


def test_what_another_links_beginning_aims_at_is_uncertain_too() -> None:
    assert certain("see [bank.com]([(") == "see "


def test_little_is_uncertain() -> None:
    assert certain("see [1]: and x[0] = y") == "see [1]: and x[0] = y"
    assert certain("see [the docs") == "see [the docs"
    assert certain("see [bank.com](https://evil") == "see "


def hidden(text: str, marks: list[str]) -> set[str]:
    """Which of these words Discord hides, by a scanner of our own."""
    found = pairs(text, "||")
    return {word for word in marks if any(a < text.find(word) < b for a, b in found)}


PIECES = st.lists(
    st.sampled_from(["||", "|", "`", "``", "```", "\n", "\\", " ", "```py\n", "\n```\n"])
    | st.just("w"),
    max_size=120,
)


@settings(max_examples=400, deadline=None)
@given(PIECES, st.integers(60, 160))
def test_a_cut_hides_nothing_that_was_not_hidden(pieces: list[str], limit: int) -> None:
    words = [f"word{at:03}." for at in range(len(pieces))]
    text = "".join(
        word if piece == "w" else piece for piece, word in zip(pieces, words, strict=True)
    )
    parts = split(text, limit, hides="||")
    assert all(len(part.shown) <= limit for part in parts)
    wrongly = {word for part in parts for word in hidden(part.shown, words) if word in part.shown}
    assert wrongly <= hidden(text, words)


def test_a_spoiler_over_a_border_opens_and_the_next_ones_stay_closed() -> None:
    text = "||" + "secret " * 14 + "|| then " + "plain " * 8 + "||again|| and ||again||"
    first, *others = split(text, 100, hides="||")
    assert first.shown.count("||") == 1
    shown = "".join(part.shown for part in others)
    assert shown.count(LOOK_ALIKE) == 2
    assert shown.endswith("||again|| and ||again||")


def test_where_nothing_hides_bars_are_bars() -> None:
    text = "a || b " * 40
    assert "".join(part.shown + " " for part in split(text, 100)).count("||") == 40
