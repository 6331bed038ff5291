"""Parts that fit: joined they are what was said, fences hold, full parts never change."""

from __future__ import annotations

from itertools import pairwise

import regex
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.text.split import FENCE, split

MARKDOWN = st.lists(
    st.one_of(
        st.sampled_from(
            ["```python\n", "```\n", "~~~\n", "\n\n", "\n- item ", "\n1. one ", "x = 1\n", "# T\n"]
        ),
        st.text(max_size=30),
        st.text("word ", min_size=20, max_size=90),
        st.sampled_from(["👨‍👩‍👧", "é", "🇩🇪"]),
    ),
    max_size=25,
).map("".join)


@settings(max_examples=800, deadline=None)
@given(MARKDOWN, st.integers(120, 400))
def test_parts_joined_are_the_text_and_each_fits(text: str, limit: int) -> None:
    parts = split(text, limit)
    for part in parts:
        assert part.shown.strip()
        assert len(part.shown) <= limit
    assert all(a.end == b.start for a, b in pairwise(parts))
    first = parts[0].start if parts else len(text)
    assert not text[:first].strip()
    assert not parts or parts[-1].end == len(text)


@settings(max_examples=500, deadline=None)
@given(MARKDOWN, MARKDOWN, st.integers(120, 400))
def test_a_full_part_never_changes_when_more_text_comes(text: str, more: str, limit: int) -> None:
    before, after = split(text, limit), split(text + more, limit)
    full = before[:-1]
    assert [p.shown for p in after[: len(full)]] == [p.shown for p in full]


@settings(max_examples=500, deadline=None)
@given(MARKDOWN, st.integers(120, 400))
def test_no_part_leaves_a_fence_open(text: str, limit: int) -> None:
    for part in split(text, limit):
        mark = ""
        for match in FENCE.finditer(part.shown):
            if not mark:
                mark = match[1]
            elif match[1][0] == mark[0] and len(match[1]) >= len(mark) and not match[2].strip():
                mark = ""
        assert not mark


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(["👨‍👩‍👧", "e\u0301", "🇩🇪", "a"]), max_size=400).map("".join))
def test_grapheme_clusters_are_never_cut(text: str) -> None:
    clusters = regex.findall(r"\X", text)
    pieces = [regex.findall(r"\X", text[p.start : p.end]) for p in split(text, 130)]
    assert [c for piece in pieces for c in piece] == clusters


def test_short_text_is_one_part_as_it_is() -> None:
    assert [p.shown for p in split("Hello\n\nthere", 2000)] == ["Hello\n\nthere"]


def test_nothing_but_white_space_shows_nothing() -> None:
    assert split(" \n ", 2000) == []


def test_a_cut_falls_between_paragraphs_when_it_can() -> None:
    text = "a" * 80 + "\n\n" + "b" * 80
    assert [p.shown for p in split(text, 120)] == ["a" * 80, "b" * 80]


def test_a_list_is_cut_between_items() -> None:
    text = "Some things:\n" + "".join(f"- {i} {'word ' * 6}\n" for i in range(12))
    parts = split(text, 200)
    assert all(p.shown.startswith("- ") for p in parts[1:])


def test_a_fence_is_closed_and_reopened_with_its_language() -> None:
    code = "".join(f"line_{i} = {i}\n" for i in range(40))
    parts = split(f"```python\n{code}```\ndone", 200)
    assert all(p.shown.startswith("```python\n") for p in parts[:-1])
    assert all(p.shown.endswith("\n```") for p in parts[:-1])
    lines = [x for p in parts for x in p.shown.splitlines() if x.startswith("line_")]
    assert lines == code.splitlines()


def test_code_begins_in_the_next_part_rather_than_being_cut() -> None:
    text = "word " * 30 + "\n```\n" + "x = 1\n" * 12 + "```"
    parts = split(text, 220)
    assert parts[1].shown.startswith("```\nx = 1")
    assert "```" not in parts[0].shown


def test_an_open_fence_of_an_unfinished_text_is_closed_for_the_moment() -> None:
    assert split("Look:\n```py\nx = 1", 2000)[0].shown == "Look:\n```py\nx = 1\n```"


def test_an_accent_on_a_space_is_not_cut_off() -> None:
    parts = split("word " * 25 + "a \u0301" * 40, 120)
    assert not any(regex.match(r"\p{M}", part.shown) for part in parts)
