"""Which message an earlier try has posted."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.slack.stream import posted_as
from adapters.slack.traces import posted_among

STREAM: dict[str, Any] = {"ts": "1.1", "text": "Sure, here"}
OTHERS: dict[str, Any] = {"ts": "1.2", "text": "Sure", "metadata": posted_as("n2")}
OURS: dict[str, Any] = {"ts": "1.3", "text": "Of course", "metadata": posted_as("n1")}
FOREIGN: dict[str, Any] = {"ts": "1.4", "text": "", "metadata": {"event_type": "x"}}


@pytest.mark.parametrize(
    ("messages", "text", "found"),
    [
        ([], "Sure", None),
        ([OTHERS, FOREIGN], "Sure, here it is", None),
        ([STREAM, OTHERS, OURS, FOREIGN], "Sure, here it is", "1.3"),
        ([OTHERS, STREAM], "*Sure*, here it is", "1.1"),
        ([STREAM], "Sure", None),
        ([STREAM], "Something else", None),
        ([{"ts": "1.1", "text": ""}], "Sure", None),
    ],
)
def test_the_nonce_goes_before_the_beginning(
    messages: list[dict[str, Any]], text: str, found: str | None
) -> None:
    assert posted_among(list(messages), "n1", text) == found
