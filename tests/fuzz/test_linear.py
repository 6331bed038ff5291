"""Twice as much hostile input takes about twice the time, and no more."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from adapters.discord import markup as discord_markup
from adapters.slack import markup as slack_markup
from adapters.slack.blocks import chunks, section
from adapters.slack.pings import harmless, settled
from bot import plain
from bot.control.variables import filled
from bot.endpoint.asking import plain as without_control
from bot.prompt.code_llama import HEADER
from bot.prompt.exchange import group
from bot.prompt.formats import LLAMA_2_TAGS, neutralise
from bot.text.honest import certain, honest
from bot.text.split import split
from bot.values import Author, Role, Turn
from tests.fuzz.targets.arriving import NAMES

SIZE = 100_000
"""Characters. What grows with the square takes minutes for so many, anything else far below a
second of the processor's time, however busy the machine is."""
MOST_SECONDS = 8.0

SHAPES = (
    "<", "<@", "<!", "<@U", "<http:", "<https://a", "<a|", "[", "[a](", "[a](http://b", "`", "```",
    "``` ", "~~~\n", "||", "| ", "\n", " ", "\n ", "a", "a:", "\nAnn:", "\n> ", "\u0301", "e\u0301",
    "{", "{user}", "\u202e", "\r", "(", "((", "[INST]", "<<SYS>>", "[[INST", "<|", "<|a", "\\", "*",
    "<@UB>", "x <@UB>", "<@7>", "[a](b",
    "&", "&amp;", "-", "\nSource:", "👨‍👩‍👧", "\u200d", "日", "</a", "<t:1",
)  # fmt: skip


def conversation(text: str) -> object:
    turns = [
        Turn(1, Role.USER, "hi", Author("1", "Ann")),
        Turn(2, Role.USER, text, Author("2", text)),
    ]
    return group(turns, names=True)


WORKS: dict[str, Callable[[str], object]] = {
    "a text that arrives": plain.text,
    "a name": plain.name,
    "a name that is shown": plain.shown,
    "a file": lambda text: plain.file_block(plain.file_name(text), text),
    "Slack's markup": lambda text: slack_markup.readable(
        slack_markup.without_mention(text, "UB", "Q"), dict[str, str]().get
    ),
    "Discord's markup": lambda text: discord_markup.readable(
        discord_markup.without_mention(text, 7, "Q"), NAMES
    ),
    "speakers": conversation,
    "tags": lambda text: neutralise(text, (*LLAMA_2_TAGS, "((", "||", "a")),
    "heads": lambda text: HEADER.sub(" ", text),
    "control tokens": lambda text: without_control(text, ("<|a",)),
    "variables": lambda text: filled(text, {"user": "x"}),
    "links": honest,
    "links that may still come": certain,
    "parts": lambda text: split(text[: SIZE // 4], 1998, hides="||"),
    "short parts": lambda text: split(text[: SIZE // 10], 300, hides="||"),
    "pings": harmless,
    "what is settled": settled,
    "a window": section,
    "pieces": chunks,
}


@pytest.mark.parametrize("name", WORKS)
def test_no_shape_of_input_takes_more_time_than_its_length_does(name: str) -> None:
    slow = []
    for shape in SHAPES:
        text = (shape * SIZE)[:SIZE]
        began = time.process_time()
        WORKS[name](text)
        if (took := time.process_time() - began) > MOST_SECONDS:
            slow.append(f"{shape!r}: {took:.1f} s")
    assert slow == []
