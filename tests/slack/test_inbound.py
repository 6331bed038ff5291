"""Which events are a person's words, and which are for the bot."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from adapters.slack.inbound import mentions_bot, said_by_other_bot, said_by_person
from adapters.slack.workspaces import Workspace

HOME = Workspace("T1", "T1", "UBOT", "B1", "Quipu", AsyncWebClient())
SAID = {"type": "message", "channel": "C1", "user": "U1", "text": "hi", "ts": "1.2"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"subtype": "file_share"}, True),
        ({"subtype": "thread_broadcast"}, True),
        ({"type": "app_mention"}, True),
        ({"subtype": "channel_join"}, False),
        ({"subtype": "bot_message", "bot_id": "B2"}, False),
        ({"bot_id": "B2"}, False),
        ({"user": "UBOT"}, False),
        ({"user": "USLACKBOT"}, False),
        ({"user": None}, False),
        ({"subtype": "message_changed"}, False),
        ({"subtype": "me_message"}, False),
    ],
)
def test_only_what_people_say_counts(changes: dict[str, Any], expected: bool) -> None:
    assert said_by_person(SAID | changes, HOME) is expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, False),
        ({"text": "<@UBOT> hi"}, True),
        ({"text": "hi <@UBOT|quipu>!"}, True),
        ({"text": "<@UBOTTOM> hi"}, False),
        ({"text": None}, False),
        ({"type": "app_mention"}, True),
        ({"channel": "D1"}, True),
        ({"channel": "G1", "channel_type": "mpim"}, False),
    ],
)
def test_the_bot_is_meant_by_a_mention_or_in_private(
    changes: dict[str, Any], expected: bool
) -> None:
    assert mentions_bot(SAID | changes, HOME) is expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, False),
        ({"bot_id": "B2"}, True),
        ({"bot_id": "B2", "subtype": "bot_message", "user": None}, True),
        ({"bot_id": "B1"}, False),
        ({"bot_id": "B2", "user": "UBOT"}, False),
        ({"bot_id": "B2", "user": "USLACKBOT"}, False),
        ({"bot_id": "B2", "subtype": "channel_join"}, False),
    ],
)
def test_other_bots_are_known_and_we_are_none(changes: dict[str, Any], expected: bool) -> None:
    assert said_by_other_bot(SAID | changes, HOME) is expected
