"""What is read from Discord's headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.budget import Limits
from adapters.discord.trace import limits_of

NAMES = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset-After")


def test_the_three_headers_make_limits() -> None:
    headers = dict(zip(NAMES, ("5", "3", "4.25"), strict=True))
    assert limits_of(headers) == Limits(5, 3, 4.25)


@pytest.mark.parametrize("missing", NAMES)
def test_an_answer_without_one_of_them_reveals_nothing(missing: str) -> None:
    headers = dict(zip(NAMES, ("5", "3", "4.25"), strict=True))
    del headers[missing]
    assert limits_of(headers) is None


@given(st.tuples(*[st.text(max_size=8) | st.floats().map(str)] * 3))
def test_nonsense_in_headers_is_never_a_limit_below_zero(values: tuple[str, ...]) -> None:
    limits = limits_of(dict(zip(NAMES, values, strict=True)))
    assert limits is None or min(limits.limit, limits.remaining, limits.reset_after) >= 0
