"""What is remembered of encoded texts: never encoded twice, and never more than it may take."""

from __future__ import annotations

import random
import sys

from bot.prompt.remembered import Remembered
from bot.prompt.tokenizer import Tokenizer


class Counted:
    """Encodes each character as its number, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, text: str) -> list[int]:
        self.asked.append(text)
        return [ord(each) for each in text]


def test_a_text_that_is_known_is_not_encoded_again() -> None:
    encode = Counted()
    remembered = Remembered(encode)
    assert [*remembered("one"), *remembered("one")] == [ord(each) for each in "oneone"]
    assert encode.asked == ["one"]


def test_it_is_bounded_by_what_texts_take_together_not_by_their_number() -> None:
    remembered = Remembered(Counted(), most=10_000)
    dice = random.Random(1)
    for number in range(2_000):
        remembered(f"{number} {'x' * dice.randint(0, 500)}")
        assert remembered.characters <= 10_000


def test_what_was_not_asked_for_longest_goes_first() -> None:
    encode = Counted()
    remembered = Remembered(encode, most=6)
    for text in ("one", "two", "one", "six", "one", "two"):
        remembered(text)
    assert encode.asked == ["one", "two", "six", "two"]


def test_a_text_beyond_every_bound_is_encoded_and_forgotten() -> None:
    remembered = Remembered(Counted(), most=3)
    assert len(remembered("x" * 100)) == 100
    assert remembered.characters == 0


def test_ids_take_four_bytes_each(tokenizer: Tokenizer) -> None:
    ids = Remembered(tokenizer.encode)("knots and cords " * 500)
    assert sys.getsizeof(ids) <= 4 * len(ids) + 200
    assert list(ids) == tokenizer.encode("knots and cords " * 500)
