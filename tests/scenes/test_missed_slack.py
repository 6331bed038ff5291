"""What a Slack bot missed, and what goes wrong while it looks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from adapters.slack import budget, history, missed, sockets
from bot.conversation import catching_up
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


async def test_killed_again_and_again_a_search_goes_on_where_it_was(
    stage: SlackStage, slack_server: SlackServer
) -> None:
    threads = [(await stage.in_a_thread("ann", "hello"))[1] for _ in range(4)]
    for where in threads:
        await stage.shown(where, lambda shown: shown == ["You said: Ann: hello"])
    await stage.leaves()
    for where in threads:
        await stage.goes_on("bob", where, "anybody?")
    before = len(slack_server.calls)
    for life in range(2):
        slack_server.faults.slow("POST", "conversations.replies", 0.0, times=1)
        held = slack_server.faults.hold("POST", "conversations.replies")
        await stage.returns()
        await held.reached()
        await stage._running.quiet()  # events of the channel wait for what is held
        await stage.kills()
        # What is said where the search has been already is found when that has come to its end.
        await stage.goes_on(("ann", "bob")[life], threads[-1], f"life {life}")
    ends = len(slack_server.calls)
    await stage.returns()
    for where in threads[:-1]:
        await stage.shown(where, lambda shown: shown[1:] == ["You said: Bob: anybody?"])
    last = [f"You said: {words}" for words in ("Bob: anybody?", "Ann: life 0", "Bob: life 1")]
    await stage.shown(threads[-1], lambda shown: shown[1:] == last)
    await stage.quiet()
    lives = slack_server.calls[before:ends], slack_server.calls[ends:]
    asked = [[c.args["ts"] for c in life if c.method == "conversations.replies"] for life in lives]
    roots = [where.root.ts for where in reversed(threads) if where.root]
    assert asked[0] == [roots[0], roots[1], roots[1], roots[2]]
    assert asked[1][:2] == roots[2:]
    assert stage.rows("SELECT DISTINCT state FROM replies") == [("delivered",)]


async def test_what_is_said_during_a_search_does_not_hide_the_older_threads_of_its_channel(
    stage: SlackStage, slack_server: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PAGE", 4)
    monkeypatch.setattr(history, "MOST_PAGES", 1)
    _, thread = await stage.in_a_thread("ann", "hello")
    await stage.shown(thread, lambda shown: shown == ["You said: Ann: hello"])
    for _ in range(3):  # so that one look at the channel no longer shows the thread's root
        _, other = await stage.mentions("ann", "and now?")
        await stage.shown(other, lambda shown: shown == ["You said: Ann: and now?"])
    await stage.leaves()
    await stage.goes_on("bob", thread, "anybody?")
    held = slack_server.faults.hold("POST", "users.conversations")
    await stage.returns()
    await held.reached()
    _, live = await stage.mentions("ann", "good morning")
    await stage.shown(live, lambda shown: shown == ["You said: Ann: good morning"])
    held.release()
    await stage.shown(thread, lambda shown: shown[1:] == ["You said: Bob: anybody?"])


async def test_a_thread_that_went_on_for_several_pages_is_read_to_its_end(
    stage: SlackStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PAGE", 2)
    _, thread = await stage.in_a_thread("ann", "hello")
    await stage.shown(thread, lambda shown: shown == ["You said: Ann: hello"])
    await stage.leaves()
    await stage.goes_on("bob", thread, "anybody?")
    await stage.returns()
    await stage.shown(thread, lambda shown: shown[1:] == ["You said: Bob: anybody?"])


async def test_what_was_said_while_all_sockets_were_down_is_found_without_a_restart(
    stage: SlackStage, slack_server: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "LOOK_EVERY", 0.05)
    _, where = await stage.mentions("ann", "hello")
    await stage.shown(where, lambda shown: shown == ["You said: Ann: hello"])
    slack_server.faults.fail("POST", "apps.connections.open", times=1000)
    slack_server.dispatch.hold()
    before = slack_server.socket_mode.connects
    slack_server.socket_mode.kill()
    await stage.goes_on("bob", where, "anybody?")
    _, other = await stage.mentions("ann", "and here?")
    slack_server.dispatch.lose()
    slack_server.faults.clear()
    await slack_server.socket_mode.wait_connects(before + 1, 60)
    await stage.shown(where, lambda shown: shown[1:] == ["You said: Bob: anybody?"])
    await stage.shown(other, lambda shown: shown == ["You said: Ann: and here?"])
    await stage.settled()
    assert stage.rows("SELECT state FROM replies") == [("delivered",)] * 3


async def test_a_search_takes_no_more_than_its_share_of_a_minutes_calls(
    slack_server: SlackServer,
    tiny_llama: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    minute, few = 2.0, {"history_per_minute": 10}
    async with SlackStage(slack_server, tiny_llama, tmp_path, slack=few) as stage:
        threads = [(await stage.in_a_thread("ann", "hello"))[1] for _ in range(8)]
        for where in threads:
            await stage.shown(where, lambda shown: shown == ["You said: Ann: hello"])
        await stage.leaves()
        for where in threads:
            await stage.goes_on("bob", where, "anybody?")
        monkeypatch.setattr(budget.Budget.__init__, "__kwdefaults__", {"minute": minute})
        monkeypatch.setattr(history, "LOOK_AGAIN", 0.05)
        before = len(slack_server.calls)
        await stage.returns()
        for where in threads:
            await stage.shown(where, lambda shown: shown[-1:] == ["You said: Bob: anybody?"])
        calls = [c.at for c in slack_server.calls[before:] if c.method == budget.REPLIES]
    assert len(calls) == 8
    apart = zip(calls, calls[5:], strict=False)
    assert all(later - earlier >= minute for earlier, later in apart)


async def test_a_search_that_takes_long_rests_and_goes_on(
    stage: SlackStage, slack_server: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await away(stage)
    _, where = await stage.mentions("ann", "anybody?")
    other = stage._channel.workspace.channel("other")
    await stage._people["bob"].mentions(other, "and here?")
    monkeypatch.setattr(missed, "LONGEST", 0.0)
    monkeypatch.setattr(missed, "REST", 0.0)
    monkeypatch.setattr(catching_up, "FIRST_PAUSE", 0.01)
    with capture_logs() as lines:
        await stage.returns()
        await stage.shown(where, lambda shown: shown == ["You said: Ann: anybody?"])
        await other.wait_for(
            lambda _: [m.content for m in other.from_bot] == ["You said: Bob: and here?"],
            timeout=30,
        )
    assert "slack.catch_up_rests" in [line["event"] for line in lines]
    await stage.settled()
    assert stage.rows("SELECT state FROM replies") == [("delivered",)] * 3


async def test_the_channels_that_the_bot_is_in_are_asked_for_until_slack_tells(
    stage: SlackStage, slack_server: SlackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catching_up, "FIRST_PAUSE", 0.01)
    await away(stage)
    other = stage._channel.workspace.channel("other")
    await stage._people["bob"].mentions(other, "and here?")
    slack_server.faults.fail("POST", "users.conversations", status=503, times=3)
    await stage.returns()
    await other.wait_for(
        lambda _: [m.content for m in other.from_bot] == ["You said: Bob: and here?"], timeout=30
    )
