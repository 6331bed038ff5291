"""Dialogs as JSON: what is taken, and what is refused before anything is encoded."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.commands.dialogs import Dialog, parse, read
from bot.errors import ConfigError, Refused
from bot.values import Author, Role, Turn

HELLO = {"role": "user", "content": "hello"}


def data(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_one_dialog_is_not_a_list() -> None:
    dialogs, is_list = parse(data([HELLO]))
    assert dialogs == [Dialog(None, (Turn(1, Role.USER, "hello"),))]
    assert not is_list


def test_the_system_message_is_the_persona() -> None:
    messages = [{"role": "system", "content": ""}, HELLO, {"role": "assistant", "content": "hi"}]
    (dialog,), _ = parse(data([*messages, HELLO | {"name": "Ada"}]))
    assert dialog.persona == ""
    assert [turn.role for turn in dialog.turns] == [Role.USER, Role.ASSISTANT, Role.USER]
    assert dialog.turns[-1].author == Author("Ada", "Ada")


@pytest.mark.parametrize("value", [[[HELLO]], [{"dialog": [HELLO], "name": "one"}]])
def test_a_list_of_dialogs_stays_a_list(value: Any) -> None:
    dialogs, is_list = parse(data(value))
    assert len(dialogs) == 1
    assert is_list


def test_no_dialogs_give_none() -> None:
    assert parse(b"[]") == ([], True)


REFUSED = {
    "not text": (b"\xff", "UTF-8"),
    "not JSON": (b"{", "not JSON"),
    "a number": (b"3", "must be a dialog"),
    "nested without end": (b"[" * 100_000, "nested too deeply"),
    "no content": (data([{"role": "user"}]), "message 1: content and name must be text"),
    "a strange role": (data([{"role": "tool", "content": ""}]), "role must be"),
    "a strange key": (data([HELLO | {"contents": ""}]), "unknown key 'contents'"),
    "the persona later": (data([HELLO, {"role": "system", "content": ""}]), "only the first"),
    "nothing asked": (data([{"role": "assistant", "content": ""}]), "must end with"),
    "half a character": (b'[{"role": "user", "content": "\\ud83d"}]', "half a character"),
    "the second of two": (data([[HELLO], [3]]), "dialog 2, message 1 must be an object"),
    "no list of messages": (data([[HELLO], "x"]), "dialog 2 must be a list"),
    "an empty dialog": (data([[]]), "dialog 1 must end with"),
}


@pytest.mark.parametrize(("given_data", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_dialog_is_refused_in_one_line(given_data: bytes, words: str) -> None:
    with pytest.raises(Refused) as caught:
        parse(given_data)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"missing\.json"):
        read("missing.json", io.BytesIO())


messages = st.dictionaries(
    st.sampled_from(["role", "content", "name", "dialog", "x"]),
    st.one_of(st.sampled_from(["system", "user", "assistant"]), st.text(), st.none()),
)
anything = st.recursive(
    st.one_of(messages, st.none(), st.booleans(), st.floats(), st.text()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(value=st.one_of(st.lists(messages), anything))
def test_any_json_gives_dialogs_or_a_clear_refusal(value: Any) -> None:
    try:
        dialogs, _ = parse(data(value))
    except Refused as error:
        dialogs = []
        assert str(error)  # noqa: PT017  any input may be taken or refused
    assert all(dialog.turns[-1].role is Role.USER for dialog in dialogs)
