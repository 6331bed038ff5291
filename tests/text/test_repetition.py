"""Endless repetition is noticed, and honest texts that repeat themselves are left alone."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bot.settings.models import ModelSettings
from bot.text.repetition import Circles

LIMIT = ModelSettings().repeats


def fed(text: str, *, limit: int = LIMIT, piece: int = 4) -> tuple[str, Circles]:
    """Push a text in pieces, as tokens come; what was taken until the answer should end."""
    circles = Circles(limit)
    for start in range(0, len(text), piece):
        if circles.push(text[start : start + piece], 1):
            return text[: start + piece], circles
    return text, circles


def good(text: str, **how: int) -> str:
    taken, circles = fed(text, **how)
    assert circles.found
    return taken[: len(taken) - circles.surplus]


INTRODUCTION = "The Inca kept records with knots. "
LOOPS = {
    "a sentence": "I do not know what to say. ",
    "a word": "very ",
    "a paragraph": "As I said before, a quipu is a set of cords with knots in it, and who reads it "
    "must know the colours, the kinds of knots and the order of the cords.\n\n",
    "list items": "- tie another knot\n",
    "Russian": "Я не знаю, что сказать. ",
    "Japanese": "わかりません。もう一度お願いします。",
    "a quotation": '"Yes," he said. ',
    "no end of a sentence": "and then and so ",
}


@pytest.mark.parametrize("name", LOOPS)
def test_endless_repetition_ends_and_one_round_of_it_is_kept(name: str) -> None:
    loop = LOOPS[name]
    text = INTRODUCTION + loop * 400
    taken, circles = fed(text)
    assert circles.found
    assert len(taken.encode()) <= len(INTRODUCTION) + 1.5 * LIMIT
    assert good(text).strip() in ((INTRODUCTION + loop).strip(), (INTRODUCTION + 2 * loop).strip())


COUNTED = {
    "items": "{}. The same line.\n",
    "items with a number of their own": "- **{}.** Llama 2 has 7 knots.\n",
    "one line": "{}) the same line again, ",
    "sentences": "As I said {} times, I do not know. ",
    "Japanese": "{}回目です。わかりません。",
}


@pytest.mark.parametrize("name", COUNTED)
@pytest.mark.parametrize("piece", [1, 4, 37])
def test_rounds_that_are_counted_are_circles_too(name: str, piece: int) -> None:
    rounds = [COUNTED[name].format(n) for n in range(1, 900)]
    taken, circles = fed(f"{INTRODUCTION}\n{''.join(rounds)}", piece=piece)
    assert circles.found
    assert len(taken.encode()) <= len(INTRODUCTION) + 2.5 * LIMIT
    kept = taken[: len(taken) - circles.surplus]
    assert kept.rstrip() == f"{INTRODUCTION}\n{rounds[0]}".rstrip()


def test_the_first_round_is_kept_to_the_end_of_its_sentence() -> None:
    assert good("I see. " + "I am not sure. " * 200) == "I see. I am not sure."
    assert good("So: " + "knots, cords, " * 200) == "So: knots, cords,"
    assert good("Well. Well. " + "Go on! " * 300) == "Well. Well. Go on!"


@pytest.mark.parametrize(
    "nothing", [" ", "\n", "\u200b", "\u2060\u00ad", "\u2800", "\t\n", "\U000e0041"]
)
def test_an_answer_without_anything_to_see_ends(nothing: str) -> None:
    text = "Look:" + nothing * 4000
    kept = good(text, piece=len(nothing))
    assert kept[:5] == "Look:"
    assert len(kept) < 5 + len(nothing)


def test_tokens_that_bring_no_text_at_all_end_the_answer() -> None:
    circles = Circles(400)
    assert not any(circles.push("", 1) for _ in range(99))
    assert circles.push("", 1)
    assert circles.surplus == 0


def test_symbols_without_end_are_noticed_too() -> None:
    taken, circles = fed("= " * 20_000)
    assert circles.found
    assert len(taken) < 6 * LIMIT
    assert good("Zeros: " + "0, " * 5_000) == "Zeros: 0,"


def board(size: int, mark: str = ". ") -> str:
    return f"{mark * size}\n" * size


def html_table(size: int) -> str:
    row = f"  <tr>{'<td></td>' * size}</tr>\n"
    return f"Here it is:\n```html\n<table>\n{row * size}</table>\n```\n"


HONEST = {
    "an empty table": "| name | knots | cords |\n|---|---|---|\n" + "|   |   |   |\n" * 60,
    "a list": "".join(f"{n}. Tie knot number {n} and pull it tight.\n" for n in range(1, 200)),
    "a Go board": board(19),
    "a chequered board": "".join(("# . " * 8 if n % 2 else ". # " * 8) + "\n" for n in range(8)),
    "a matrix of zeros": "[" + ("[" + "0, " * 16 + "],\n ") * 16 + "]",
    "zeros in code": "```c\nint knots[512] = {" + "0, " * 512 + "};\n```",
    "a banner": ("=" * 78 + "\n") * 12,
    "a box": "+" + "-" * 40 + "+\n" + ("|" + " " * 40 + "|\n") * 40 + "+" + "-" * 40 + "+\n",
    "an empty page": html_table(12),
    "a hex dump": "".join(f"{n:08x}  {'00 ' * 16} |{'.' * 16}|\n" for n in range(0, 4096, 16)),
    "a refrain": ("Na na na na, na na na na, hey hey hey, goodbye.\n" * 4 + "\n") * 4,
    "laughter": "That is good. " + "ha" * 200 + "!",
    "a punishment": "I will not tie knots in class.\n" * 25,
    "a cat": "\n".join([r" /\_/\ ", "( o.o )", " > ^ < "] * 30),
    "mountains": "\n".join(" " * (30 - n) + "/" + "\\/" * n + "\\" for n in range(30)),
    "a JSON list": "```json\n[\n" + '  {"cord": 0, "knots": 0},\n' * 60 + "]\n```",
    "a multiplication table": "\n".join(
        "\t".join(str(a * b) for b in range(1, 13)) for a in range(1, 13)
    ),
    "tests": "".join(
        f"def test_knot_{n}() -> None:\n    assert tie({n}) == {n}\n\n" for n in range(99)
    ),
    "a poem": "\n".join(
        f"The {n} was tied, the {n} was tied," for n in "abcdefghijklmnopqrstuvwxyz"
    ),
    "chapters": "".join(f"Chapter {n}\n" for n in range(1, 120)),
    "a numbered punishment": "".join(f"{n}. I will not tie knots.\n" for n in range(1, 60)),
    "numbers in words": "".join(f"{n} is the number {n}. " for n in range(1, 300)),
    "squares": "".join(f"value_{n} = {n} * {n}\n" for n in range(1, 300)),
    "calls in code": "```\n" + "".join(f"tie(knot_{n})\n" for n in range(1, 150)) + "```",
    "a table": "".join(f"| {n} | knots | {n * n % 97} |\n" for n in range(1, 300)),
    "years": "".join(f"{n}: {n % 7} kings and {n % 5} queens.\n" for n in range(1200, 1500)),
    "a list that skips": "".join(f"{n}. Tie a knot.\n" for n in range(2, 900, 2)),
    "counted letters": ", ".join(str(n) for n in range(2000)),
    "digits of one seventh": "0." + "142857" * 100,
    "a long indentation": "```\n" + " " * 200 + "x\n```",
}


@pytest.mark.parametrize("piece", [1, 4, 37, 100_000])
@pytest.mark.parametrize("name", HONEST)
def test_honest_texts_are_left_alone(name: str, piece: int) -> None:
    taken, circles = fed(HONEST[name], piece=piece)
    assert not circles.found
    assert taken == HONEST[name]


def test_every_text_of_this_project_is_honest() -> None:
    from tests.project.sources import ROOT

    files = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("bot/**/*.py")]
    texts = [file.read_text(encoding="utf-8") for file in files]
    assert len(texts) > 100
    assert [file for file, text in zip(files, texts, strict=True) if fed(text)[1].found] == []


def test_a_limit_of_0_is_none() -> None:
    assert not fed("very " * 10_000, limit=0)[1].found


words = st.text(st.sampled_from("abcdeñж字 .\n-`"), min_size=1, max_size=40)


def periodic(text: bytes, span: int) -> bool:
    """By looking at every possible circle: is the end of the text one, four rounds or more?"""
    end = text[-span:]
    return len(end) == span and any(
        end[length:] == end[:-length] for length in range(1, span // 4 + 1)
    )


@given(st.lists(words, max_size=12), words, st.integers(0, 40), st.integers(1, 30))
def test_it_finds_circles_and_nothing_else(
    before: Sequence[str], loop: str, rounds: int, piece: int
) -> None:
    limit = 64
    text = "".join(before) + loop * rounds
    taken, circles = fed(text, limit=limit, piece=piece)
    if circles.found:
        ends = range(max(0, len(taken) - 2 * piece), len(taken) + 1)
        silent = not taken[len(taken) - circles.surplus :].strip()
        assert silent or any(periodic(taken[:end].encode(), limit) for end in ends)
        assert 0 <= circles.surplus <= len(taken)
    elif len(loop.encode()) <= limit // 4:
        assert len((loop * rounds).encode()) < 7 * limit


@given(
    st.lists(words, min_size=2, max_size=9, unique_by=lambda each: each.strip("0123456789")),
    st.integers(0, 10**6),
    st.integers(1, 30),
)
def test_a_list_whose_items_differ_is_no_circle(
    items: Sequence[str], first: int, piece: int
) -> None:
    lines = [f"{n}. {items[n % len(items)]} {n % 7}\n" for n in range(first, first + 400)]
    assert not fed("".join(lines), piece=piece)[1].found


@given(words.filter(str.strip), st.integers(1, 9))
def test_how_a_text_comes_in_pieces_decides_only_how_soon_it_is_seen(loop: str, piece: int) -> None:
    assume(len(loop.encode()) <= 64 // 4)
    text = "It began so: " + loop * 600
    _, circles = fed(text, limit=64, piece=piece)
    assert circles.found


def cost(text: str, limit: int) -> float:
    circles = Circles(limit)
    started = time.process_time()
    for start in range(0, len(text), 4):
        circles.push(text[start : start + 4], 1)
    return (time.process_time() - started) / len(text)


def test_the_cost_of_a_character_depends_neither_on_the_text_nor_on_its_length() -> None:
    dice = random.Random(1)
    random_text = "".join(dice.choice("abcdefgh \n") for _ in range(40_000))
    nearly = list(itertools.islice(itertools.cycle("knots and cords "), 40_000))
    for at in range(0, len(nearly), 900):
        nearly[at] = "#"
    usual = min(cost(random_text, LIMIT) for _ in range(3))
    counted = "".join(f"{n}. knot\n" for n in range(9999) if n % 99)
    others = ("a" * 500 + "b") * 80, "1 2 " * 9_000 + "3", "ab" * 400 + random_text, counted
    for text in (*others, "".join(nearly), random_text * 4):
        assert min(cost(text, LIMIT) for _ in range(3)) < 20 * usual + 1e-6
    assert min(cost("".join(nearly), 20_000) for _ in range(3)) < 20 * usual + 1e-6
