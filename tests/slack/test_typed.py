"""What a line behind the slash command means."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.slack.blocks import thread_said
from adapters.slack.typed import arguments_in, command_in
from adapters.slack.windows import Memo
from bot.control.arguments import checked
from bot.control.commands import BY_PATH, COMMANDS
from bot.errors import Refused


@pytest.mark.parametrize(
    ("line", "path", "rest"),
    [
        ("stop", ("stop",), ""),
        ("PERSONA Show", ("persona", "show"), ""),
        ("persona set You are a pirate.", ("persona", "set"), "You are a pirate."),
        ("sampling temperature=0.2", ("sampling",), "temperature=0.2"),
        ("", ("help",), ""),
        ("dance wildly", ("help",), "dance"),
        ("persona", ("help",), "persona"),
        ("persona paint", ("help",), "persona"),
    ],
)
def test_a_line_begins_with_a_command_or_is_answered_with_help(
    line: str, path: tuple[str, ...], rest: str
) -> None:
    command, left = command_in(line)
    assert (command.path, left) == (path, rest)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("<@U123|ann>", {"person": "U123"}),
        ("<#C123|knots>", {"channel": "C123"}),
        ("<!subteam^S123|@weavers>", {"role": "S123"}),
        ("person=<@U123> role: <!subteam^S123>", {"person": "U123", "role": "S123"}),
        ("<#C123> where=workspace", {"channel": "C123", "where": "workspace"}),
    ],
)
def test_mentions_are_ids_of_what_they_can_be_for(line: str, expected: dict[str, str]) -> None:
    command, rest = command_in(f"access allow {line}")
    assert arguments_in(command, rest, "en") == expected


@pytest.mark.parametrize("line", ["@ann", "person=ann", "role=U123", "channel=knots"])
def test_a_name_is_no_id(line: str) -> None:
    command, rest = command_in(f"access deny {line}")
    with pytest.raises(Refused) as caught:
        arguments_in(command, rest, "en")
    assert "written with" in caught.value.notice


def test_a_text_is_what_the_person_wrote() -> None:
    command, rest = command_in("persona set You &amp; <@U1|ann> know <https://a.org|a.org>: *x*")
    expected = {"text": "You & @ann know a.org: *x*"}
    assert arguments_in(command, rest, "en") == expected


def test_a_file_cannot_be_typed() -> None:
    command, rest = command_in("persona set file=persona.txt")
    with pytest.raises(Refused) as refused:
        arguments_in(command, rest, "en")
    assert "knows no `file`. It takes: [text=…] [preset=…]" in refused.value.notice


@given(st.sampled_from([each.name for each in COMMANDS]), st.text())
def test_whatever_is_written_is_understood_or_refused_with_words(name: str, line: str) -> None:
    command, rest = command_in(f"{name} {line}")
    known = {argument.name for argument in command.arguments}
    try:
        found, words = arguments_in(command, rest, "en"), "understood"
    except Refused as error:
        found, words = {}, error.notice
    assert found.keys() <= known
    assert words != Refused.notice


@given(
    st.from_regex(r"[CDG][A-Z0-9]{0,12}", fullmatch=True) | st.just(""),
    st.from_regex(r"[0-9]{1,12}\.[0-9]{1,6}", fullmatch=True) | st.just(""),
    st.integers(1, 10**18 - 1) | st.none(),
    st.tuples(st.text(), st.text()),
)
def test_a_window_remembers_what_it_is_for(
    channel: str, thread: str, reply_id: int | None, argument: tuple[str, str]
) -> None:
    memo = Memo(channel, thread, ("rate",), reply_id, (argument,))
    assert Memo.read({"private_metadata": memo.write()}) == memo


@given(st.text())
def test_a_block_is_one_of_ours_or_not(block_id: str) -> None:
    thread = thread_said(block_id)
    assert thread is None or re.fullmatch(r"(\d+\.\d+)?", thread)


@pytest.mark.parametrize(
    ("line", "name"), [("sampling temperture=1", "temperture"), ("retention day=3", "day")]
)
def test_a_name_that_no_argument_has_is_called_so(line: str, name: str) -> None:
    command, rest = command_in(line)
    with pytest.raises(Refused) as refused:
        arguments_in(command, rest, "en")
    assert f"`{name}`" in refused.value.notice
    assert "It takes: " in refused.value.notice


def test_an_equals_sign_in_a_text_is_part_of_it() -> None:
    command, rest = command_in("rate down x=1")
    assert arguments_in(command, rest, "en") == {"score": "down", "reason": "x=1"}


def test_infinity_is_no_number() -> None:
    for written in ("inf", "-inf", "1e999", "nan"):
        with pytest.raises(Refused) as refused:
            checked(BY_PATH["sampling",], {"top_k": written}, "en")
        assert "top_k" in refused.value.notice
