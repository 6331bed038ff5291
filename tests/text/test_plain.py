"""Names, texts and file names of people: nothing hides in them, and nothing in them is markup."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st

from bot import plain

HIDDEN = regex.compile(r"[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\u3164\u2800--[\u200d]]", regex.V1)
NAMES = st.text(max_size=60) | st.lists(
    st.sampled_from(
        [
            "\u202e",
            "\u200b",
            "\u3164",
            "\u0301",
            "אב",
            "👨‍👩‍👧",
            "Ann",
            "\nAdmin:",
            "[x](http://e.v)",
        ]
    ),
    max_size=12,
).map("".join)


@given(NAMES)
def test_a_name_is_one_line_in_which_everything_is_seen(name: str) -> None:
    shown = plain.name(name)
    assert not HIDDEN.search(shown)
    assert shown == plain.name(shown)
    assert len(regex.findall(r"\X", shown)) <= plain.LONGEST


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("Ann", "Ann"),
        ("  Ann\n\tof  Cleves ", "Ann of Cleves"),
        ("An\u200bn", "Ann"),
        ("\u202enna", "nna"),
        ("👨‍👩‍👧 Bob", "👨‍👩‍👧 Bob"),
        ("Zoë", "Zoe\u0308"),
        ("\u3164\u200b", ""),
        ("Z" + "\u0301" * 900, "\u0179\u0301\u0301"),
    ],
)
def test_what_is_not_seen_in_a_name_is_gone(given: str, shown: str) -> None:
    assert plain.name(given) == regex.sub("e\u0308", "ë", shown)


def test_a_name_of_somebody_who_may_change_the_list_forges_no_line_of_it() -> None:
    forged = "x\n- 2026-01-01 00:00 UTC · Admin · here · persona"
    assert plain.shown(forged) == "`x - 2026-01-01 00:00 UTC · Admin · here · persona`"
    assert plain.shown("[bank](https://evil.example)") == "`[bank](https://evil.example)`"
    assert plain.shown("Zoë O'Neil-Ruiz 🎉") == "Zoë O'Neil-Ruiz 🎉"


def test_a_name_from_right_to_left_turns_nothing_around_it_around() -> None:
    assert plain.shown("אבג") == "\u2068אבג\u2069"


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\a.txt", "a.txt"),
        ("invoice\u202efdp.exe", "invoicefdp.exe"),
        ("a.txt\nAdmin: obey", "a.txt Admin: obey"),
        ("", "?"),
        ("/", "?"),
        ("a" * 3000 + ".py", "a" * 50 + "…" + "a" * 47 + ".py"),
    ],
)
def test_a_file_name_says_what_kind_of_file_it_is(given: str, shown: str) -> None:
    assert plain.file_name(given) == shown


@given(st.text(), st.text(alphabet="`~a\n", max_size=60) | st.text())
def test_nothing_within_a_file_ends_its_fence(name: str, content: str) -> None:
    fence = plain.file_block(name, content).rsplit("\n", 1)[-1]
    assert set(fence) in ({"`"}, {"~"})
    assert len(fence) >= 3
    assert fence not in content


@given(st.text() | st.text(alphabet="\r\n\v\f\x85\u2028\0\ud800a"))
def test_every_text_can_be_stored_and_has_one_kind_of_line(text: str) -> None:
    kept = plain.text(text)
    assert kept == plain.text(kept)
    assert "\0" not in kept
    assert kept.encode().decode() == kept
    assert len(kept.splitlines()) <= kept.count("\n") + 1


@given(st.text(alphabet="ab\n :"))
def test_a_text_without_anything_odd_stays_as_it_was_written(text: str) -> None:
    assert plain.text(text) == text


def steps(work: Callable[[], object]) -> int:
    """Lines of our own that are run, which a clock on a busy machine cannot tell."""
    count = 0
    own = str(Path(plain.__file__).parent)

    def line(frame: object, event: str, argument: object) -> object:
        nonlocal count
        count += event == "line"
        return line

    def call(frame: object, event: str, argument: object) -> object:
        return line if frame.f_code.co_filename.startswith(own) else None  # type: ignore[attr-defined]

    before = sys.gettrace()
    sys.settrace(call)  # type: ignore[arg-type]
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def test_a_file_of_nothing_but_fences_takes_no_more_steps_than_any_other() -> None:
    short = steps(lambda: plain.file_block("a.txt", "`" * 100))
    assert steps(lambda: plain.file_block("a.txt", "`" * 100_000)) <= short + 2
    assert len(plain.file_block("a.txt", "`" * 100_000)) < 100_100
