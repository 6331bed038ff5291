"""Slack's markup, undone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.slack.markup import (
    escaped,
    mentioned,
    pointing,
    readable,
    unescaped,
    without_mention,
)

NAMES = {"U1": "Ann", "UBOT": "Quipu"}


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("hello", "hello"),
        ("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c"),
        ("<@U1> and <@U9>", "@Ann and @unknown-user"),
        ("<@U9|bob>", "@bob"),
        ("in <#C1|general>, <#C2>", "in #general, #unknown"),
        ("<!here> <!channel|channel>", "@here @channel"),
        ("<!subteam^S1|@admins> <!subteam^S2>", "@admins @unknown-group"),
        ("<!date^1392734382^{date}|Feb 18, 2014>", "Feb 18, 2014"),
        ("<https://x.y/a?b=1&amp;c=2>", "https://x.y/a?b=1&c=2"),
        ("<https://x.y|x.y>", "x.y"),
        ("<https://x.y|read this>", "read this (https://x.y)"),
        ("<mailto:a@b.c|a@b.c>", "a@b.c"),
        ("*bold* `code`", "*bold* `code`"),
        ("&lt;@U1&gt;", "<@U1>"),
        ("<>", "<>"),
    ],
)
def test_markup_is_shown_as_slack_shows_it(written: str, shown: str) -> None:
    assert readable(written, NAMES.get) == shown


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("<@UBOT> hi", "hi"),
        ("<@UBOT>, hi", "hi"),
        ("<@UBOT|quipu>: hi", "hi"),
        ("hi <@UBOT>", "hi"),
        ("<@UBOT> <@UBOT> hi <@UBOT>", "hi"),
        ("what can <@UBOT> do?", "what can @Quipu do?"),
        ("<@UBOT>", ""),
        ("<@U1> hi", "<@U1> hi"),
    ],
)
def test_the_bots_mention_is_taken_off(written: str, left: str) -> None:
    assert without_mention(written, "UBOT", "Quipu") == left


def test_people_are_found_once_each() -> None:
    assert mentioned("<@U1> <@U2|x> <@U1> <#C1> <!here> @U3") == ["U1", "U2"]


@given(st.text())
def test_what_a_person_typed_comes_back_whatever_it_was(text: str) -> None:
    assert unescaped(escaped(text)) == text
    assert readable(escaped(text), NAMES.get) == text


@given(st.text(alphabet="<>@#!|^&;ltgamp U1Ccs:/.\n"))
def test_no_markup_however_broken_is_too_much(text: str) -> None:
    assert isinstance(readable(without_mention(text, "U1", "Ann"), NAMES.get), str)


def test_who_is_listed_is_shown_by_name() -> None:
    listed = (
        "`person:U07A`, `role:S1B` and `channel:C9X`, not `person:ann`, `seed:4` or person:U07A"
    )
    assert pointing(listed) == (
        "<@U07A>, <!subteam^S1B> and <#C9X>, not `person:ann`, `seed:4` or person:U07A"
    )
