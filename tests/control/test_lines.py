"""What a typed line means, as people's keyboards and habits write it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.control.arguments import WRITTEN, checked
from bot.control.commands import BY_PATH, COMMANDS
from bot.control.declarations import Argument, Command, Kind
from bot.control.lines import parsed
from bot.errors import Refused

RATE = BY_PATH["rate",]
PERSONA = BY_PATH["persona", "set"]
SAMPLING = BY_PATH["sampling",]
MODEL = BY_PATH["model",]
LONG = "You are a pirate."

PAIRS = ['""', "''", "“”", "””", "„“", "„”", "«»", "‘’", "‚‘", "‹›", "「」", "『』"]

words = st.from_regex(r"[^\W_]+(['\"’“”«»][^\W_]+)?[,.!?]?", fullmatch=True)
texts = st.lists(words, min_size=1, max_size=8).map(" ".join)
"""Words as people write them, with apostrophes and inches in some."""


@pytest.mark.parametrize(
    ("command", "line", "meaning"),
    [
        (RATE, "down Too long", {"score": "down", "reason": "Too long"}),
        (RATE, "down reason=“Too long”", {"score": "down", "reason": "Too long"}),
        (RATE, "down reason=« trop long »", {"score": "down", "reason": "trop long"}),
        (RATE, "down reason=«\u202ftrop long\u00a0»", {"score": "down", "reason": "trop long"}),
        (RATE, "down reason=it's wrong", {"score": "down", "reason": "it's wrong"}),
        (RATE, "down reason=it’s wrong", {"score": "down", "reason": "it’s wrong"}),
        (RATE, "down reason: 'the boys' fault'", {"score": "down", "reason": "'the boys' fault'"}),
        (RATE, 'reason="Too long" score=down', {"score": "down", "reason": "Too long"}),
        (RATE, "reason=Too long score=down", {"score": "down", "reason": "Too long"}),
        (RATE, "Score: down Reason: Too long", {"score": "down", "reason": "Too long"}),
        (RATE, "down “Too long” answer=2", {"score": "down", "reason": "Too long", "answer": "2"}),
        (RATE, "down reason：「長すぎる」", {"score": "down", "reason": "長すぎる"}),
        (RATE, "down the answer: wrong", {"score": "down", "reason": "the answer: wrong"}),
        (RATE, "down C:\\temp", {"score": "down", "reason": "C:\\temp"}),
        (PERSONA, LONG, {"text": LONG}),
        (PERSONA, f"text={LONG}", {"text": LONG}),
        (PERSONA, f"text: {LONG}", {"text": LONG}),
        (PERSONA, f'text: "{LONG}"', {"text": LONG}),
        (PERSONA, f"“{LONG}”", {"text": LONG}),
        (PERSONA, '"Yes" is all you say, or "No"', {"text": '"Yes" is all you say, or "No"'}),
        (PERSONA, "One line.\n\nAnother one.", {"text": "One line.\n\nAnother one."}),
        (PERSONA, "Say x file = abc", {"text": "Say x file = abc"}),
        (PERSONA, "text=Say x file=abc", {"text": "Say x file=abc"}),
        (PERSONA, "Say x preset=sailor", {"text": "Say x", "preset": "sailor"}),
        (PERSONA, "preset=“Old sailor”", {"preset": "Old sailor"}),
        (SAMPLING, "seed= top_k=5", {"seed": "", "top_k": "5"}),
        (SAMPLING, "seed = 5 top_k: '7'", {"seed": "5", "top_k": "7"}),
        (SAMPLING, "0.5 0.9", {"temperature": "0.5", "top_p": "0.9"}),
        (MODEL, 'model="Llama 2" where=thread', {"model": "Llama 2", "where": "thread"}),
        (MODEL, "llama:7b", {"model": "llama:7b"}),
    ],
)
def test_a_line_means_what_was_meant(command: Command, line: str, meaning: dict[str, str]) -> None:
    assert parsed(command, line, "en") == meaning


@given(texts, st.sampled_from(PAIRS), st.sampled_from(["", " "]))
def test_a_text_means_the_same_however_it_is_written(text: str, pair: str, space: str) -> None:
    lines = [f"down {text}", f"down reason={text}", f"down reason: {text}"]
    lines += [f"reason: {text} score=down"]
    quoted = f"{pair[0]}{space}{text}{space}{pair[1]}"
    lines += [f"down {quoted}", f"down reason={quoted}", f"reason={quoted} score=down"]
    for line in lines:
        assert parsed(RATE, line, "en") == {"score": "down", "reason": text}, line


@given(texts, texts, st.sampled_from(PAIRS))
def test_quotation_marks_that_hold_only_a_part_of_a_text_stay(
    quoted: str, rest: str, pair: str
) -> None:
    text = f"{pair[0]}{quoted}{pair[1]} {rest}"
    assert parsed(PERSONA, text, "en") == {"text": text}
    assert parsed(PERSONA, f"text={text}", "en") == {"text": text}


MARKS = "\"'“”„‟‘’‚‛«»‹›「」『』"
PIECES = ["score", "reason", "text", "seed", "where", "=", ":", " ", "a", "5", *MARKS]
LINES = st.text() | st.lists(st.sampled_from(PIECES)).map("".join)


def understood(command: Command, line: str) -> dict[str, str]:
    """What a line means; nothing if it is refused with what the command takes."""
    try:
        return {name: str(value) for name, value in parsed(command, line, "en").items()}
    except Refused as refused:
        if "takes: " not in refused.notice:
            raise
        return {}


@given(st.sampled_from(COMMANDS), LINES)
def test_every_line_is_understood_or_refused_with_what_the_command_takes(
    command: Command, line: str
) -> None:
    known = {argument.name: argument for argument in command.arguments}
    for name, value in understood(command, line).items():
        assert value == value.strip()
        assert value in line
        quoted = any(mark in line for mark in MARKS)
        assert known[name].kind in WRITTEN or quoted or len(value.split()) < 2


NUMBERS = [
    (command, argument)
    for command in COMMANDS
    for argument in command.arguments
    if argument.kind in {Kind.INTEGER, Kind.NUMBER}
]


@pytest.mark.parametrize(("command", "argument"), NUMBERS)
def test_a_number_that_no_database_can_hold_is_refused_with_what_it_may_be(
    command: Command, argument: Argument
) -> None:
    for huge in ("9" * 30, f"-{'9' * 30}"):
        given = {each.name: "up" for each in command.arguments if each.required}
        with pytest.raises(Refused, match="number"):
            checked(command, given | {argument.name: huge}, "en")


def test_what_no_argument_is_called_is_refused_by_its_name() -> None:
    for line in ("temperture=1", "temperture: 1", "seed=5 day=3"):
        with pytest.raises(Refused) as refused:
            parsed(SAMPLING, line, "en")
        assert re.search(r"`(temperture|day)`", refused.value.notice)
