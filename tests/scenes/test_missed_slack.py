"""What a Slack bot missed, and what goes wrong while it looks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.contract.slack_stage import SlackStage
from tests.loopback.slack import SlackServer


@pytest.fixture
async def stage(
    slack_server: SlackServer, tiny_llama: Path, tmp_path: Path
) -> AsyncIterator[SlackStage]:
    async with SlackStage(slack_server, tiny_llama, tmp_path) as made:
        yield made


async def away(stage: SlackStage) -> None:
    """Somebody has talked with the bot, which then went."""
    _, where = await stage.mentions("ann", "hello")
    await stage.shown(where, lambda shown: shown == ["You said: Ann: hello"])
    await stage.leaves()


async def test_limits_are_waited_for_as_slack_says(
    stage: SlackStage, slack_server: SlackServer
) -> None:
    await away(stage)
    _, where = await stage.mentions("bob", "anybody?")
    slack_server.faults.fail("POST", "conversations.history", status=429)
    await stage.returns()
    await stage.shown(where, lambda shown: shown == ["You said: Bob: anybody?"])
    calls = [c for c in slack_server.calls if c.method == "conversations.history"]
    assert [call.status for call in calls][:2] == [429, 200]
    assert calls[1].at - calls[0].at >= 1.0


async def test_a_channel_that_the_bot_has_left_does_not_keep_the_others_waiting(
    stage: SlackStage, slack_server: SlackServer
) -> None:
    await away(stage)
    stage._channel.bot_is_in = False
    other = stage._channel.workspace.channel("other")
    await stage._people["bob"].mentions(other, "anybody?")
    await stage.returns()
    await other.wait_for(
        lambda _: [m.content for m in other.from_bot] == ["You said: Bob: anybody?"], timeout=30
    )


async def test_an_event_that_comes_late_after_all_is_answered_once(
    stage: SlackStage, slack_server: SlackServer
) -> None:
    await away(stage)
    said, where = await stage.mentions("bob", "anybody?")
    await stage.returns()
    await stage.shown(where, lambda shown: shown == ["You said: Bob: anybody?"])
    slack_server.world.tell(*slack_server.world.said(said))
    await slack_server.dispatch.settled()
    await stage.settled()
    assert stage.rows("SELECT state FROM replies") == [("delivered",)] * 2
    assert len([m for m in where.channel.from_bot if m.root is said]) == 1


async def test_direct_messages_in_a_thread_from_before_are_found(stage: SlackStage) -> None:
    first, where = await stage.writes("ann", "hello")
    await stage.shown(where, lambda shown: shown == ["You said: hello"])
    await stage.leaves()
    await stage._people["ann"].dm("still there?", thread=first)
    await stage.returns()
    await stage.shown(where, lambda shown: shown[-1:] == ["You said: still there?"])
    assert where.channel.from_bot[-1].root is first
