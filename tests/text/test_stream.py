"""Ids to text: whole characters, no stop string, nothing lost."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.prompt.tokenizer import Tokenizer
from bot.text.stream import TextStream


def streamed(tokenizer: Tokenizer, ids: list[int], stops: tuple[str, ...] = ()) -> list[str]:
    stream = TextStream(tokenizer.decode, stops)
    return [*(stream.push([i]) for i in ids), stream.finish()]


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=60))
def test_what_is_streamed_joined_is_what_was_encoded(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert "".join(streamed(tokenizer, ids)) == tokenizer.decode(ids).lstrip()


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60), st.integers(1, 7))
def test_ids_may_come_in_portions_of_any_size(tokenizer: Tokenizer, text: str, size: int) -> None:
    ids = tokenizer.encode(text)
    stream = TextStream(tokenizer.decode, ())
    pushed = [stream.push(ids[at : at + size]) for at in range(0, len(ids), size)]
    assert "".join([*pushed, stream.finish()]) == tokenizer.decode(ids).lstrip()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(0, 399), max_size=60))
def test_broken_bytes_are_never_held_back_for_good(tokenizer: Tokenizer, ids: list[int]) -> None:
    text = "".join(streamed(tokenizer, ids))
    assert bool(text.strip()) == bool(tokenizer.decode(ids).strip())


def test_a_character_of_several_bytes_leaves_only_when_it_is_whole(tokenizer: Tokenizer) -> None:
    deltas = streamed(tokenizer, tokenizer.encode("hi 😀!"))
    assert "".join(deltas) == "hi 😀!"
    assert not any("\ufffd" in delta for delta in deltas)
    assert "😀" in deltas


def test_nothing_of_a_stop_string_is_shown(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("Fine, thanks.\nAnn: and you?")
    stream = TextStream(tokenizer.decode, ("\nAnn:",))
    text = ""
    for i in ids:
        text += stream.push([i])
        if stream.stopped:
            break
    assert stream.stopped
    assert text + stream.finish() == "Fine, thanks."


def test_what_only_began_like_a_stop_string_is_shown_in_the_end(tokenizer: Tokenizer) -> None:
    ids = tokenizer.encode("Fine.\nAnn")
    assert "".join(streamed(tokenizer, ids, ("\nAnn:",))) == "Fine.\nAnn"


STOPS = st.lists(st.text("abc", min_size=1, max_size=3).map("\n{}".format), max_size=3)


@settings(max_examples=300, deadline=None)
@given(st.text("abc\n", max_size=40), STOPS)
def test_text_ends_before_the_first_stop_string(
    tokenizer: Tokenizer, text: str, stops: list[str]
) -> None:
    whole = tokenizer.decode(tokenizer.encode(text)).lstrip()
    ends = [at for stop in stops if (at := whole.find(stop)) >= 0]
    expected = whole[: min(ends)] if ends else whole
    assert "".join(streamed(tokenizer, tokenizer.encode(text), tuple(stops))) == expected


def test_white_space_before_the_first_word_is_left_out(tokenizer: Tokenizer) -> None:
    assert "".join(streamed(tokenizer, tokenizer.encode("\n\n  hello\n"))) == "hello\n"


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40), st.integers(0, 40))
def test_an_answer_that_goes_on_brings_its_white_space(
    tokenizer: Tokenizer, text: str, at: int
) -> None:
    ids = tokenizer.encode(text)
    before, new = ids[:at], ids[at:]
    stream = TextStream(tokenizer.decode, (), before)
    whole = tokenizer.decode(before) + "".join([stream.push(new), stream.finish()])
    if before and "\ufffd" not in tokenizer.decode(before):
        assert whole == tokenizer.decode(ids)
