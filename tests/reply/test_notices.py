"""What people read of an error, in their language."""

from __future__ import annotations

import inspect

import pytest

from bot import errors
from bot.control.words import ENGLISH, catalogue, told
from bot.errors import ConfigError, QuipuError, Throttled, TooLong

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, QuipuError) and "notice" in vars(kind)
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_error_has_its_words_in_the_catalogue(kind: type[QuipuError]) -> None:
    assert catalogue(ENGLISH)[f"conversation.failure.{kind.__name__}"] == kind.notice


def test_an_error_with_words_of_its_own_keeps_them() -> None:
    assert told(TooLong("long", notice="Only 3 words."), "en") == "Only 3 words."


def test_an_error_without_words_is_told_as_its_kind() -> None:
    class Unfamiliar(ConfigError):
        """One that the catalogue does not know."""

    assert told(Unfamiliar("x"), "en") == ConfigError.notice
    assert told(Throttled("x", retry_after=1.0), "en") == errors.PlatformError.notice
