"""What a line behind the slash command means."""

from __future__ import annotations

import pytest

from adapters.slack.typed import arguments_in, command_in
from bot.errors import Refused


@pytest.mark.parametrize(
    ("line", "path", "rest"),
    [
        ("stop", ("stop",), ""),
        ("PERSONA Show", ("persona", "show"), ""),
        ("persona set You are a pirate.", ("persona", "set"), "You are a pirate."),
        ("sampling temperature=0.2", ("sampling",), "temperature=0.2"),
        ("", ("help",), ""),
        ("dance wildly", ("help",), ""),
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
    ("line", "given"),
    [
        ("<@U123|ann>", {"person": "U123"}),
        ("<#C123|knots>", {"channel": "C123"}),
        ("<!subteam^S123|@weavers>", {"role": "S123"}),
        ("person=<@U123> role: <!subteam^S123>", {"person": "U123", "role": "S123"}),
        ("<#C123> where=workspace", {"channel": "C123", "where": "workspace"}),
    ],
)
def test_mentions_are_ids_of_what_they_can_be_for(line: str, given: dict[str, str]) -> None:
    command, rest = command_in(f"access allow {line}")
    assert arguments_in(command, rest, "en") == given


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
