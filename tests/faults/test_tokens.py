"""Tokens that are worth nothing any more: one alarm, no loop, and the other platform goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from adapters.slack import sockets
from tests.board import echo
from tests.faults.both import Both, on_both
from tests.faults.trouble import story


@pytest.fixture
async def both(
    small_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Both]:
    # Half a minute, else, in which the SDK tries to connect again by itself.
    monkeypatch.setattr(sockets, "LOST_AFTER", 0.3)
    monkeypatch.setattr(sockets, "LOOK_EVERY", 0.1)
    async with on_both(small_model, tmp_path) as made:
        yield made


async def test_a_discord_token_reset_in_mid_reply_is_one_alarm_and_slack_goes_on(
    both: Both,
) -> None:
    right = both.discord.token
    both.generator.script = lambda _: ["Once", asyncio.Event()]
    await both.ann.mentions(both.here, "a story")
    await both.here.wait_for(lambda _: both.here.from_bot)
    await both.discord.reset_token("another")
    alarm = await both.alarmed("cannot connect")
    assert alarm["platform"] == "discord"
    assert "Reset Token" in alarm["reason"]
    identifies = both.discord.gateway.identifies
    both.generator.script = echo
    await both.slack_answers()
    assert both.discord.gateway.identifies == identifies
    assert len(both.errors()) == 1
    await both.discord.reset_token(right)
    both.generator.script = lambda _: ["Once upon a time."]
    await both.running.cut_off()
    await both.running.start()
    await both.here.wait_for(
        lambda _: [one.content for one in both.here.from_bot] == ["Once upon a time."], 30
    )


async def test_a_discord_token_that_only_requests_are_refused_for_ends_the_reply_with_one_alarm(
    both: Both,
) -> None:
    script, (go,) = story("Once", " upon a time.")
    both.generator.script = lambda _: script
    await both.ann.mentions(both.here, "a story")
    await both.here.wait_for(lambda _: both.here.from_bot)
    both.discord.faults.fail("PATCH", "/messages/", error="40001", times=1_000_000)
    go.set()
    await both.running.quiet()
    assert (await both.alarmed("discord.token_refused"))["mend"]
    [(state, reason)] = both.rows("SELECT state, reason FROM replies")
    assert state == "failed"
    assert "401" in reason


async def test_a_slack_bot_token_revoked_in_mid_reply_is_one_alarm_and_discord_goes_on(
    both: Both,
) -> None:
    script, (go,) = story("Once", " upon a time.")
    both.generator.script = lambda _: script
    await both.eve.mentions(both.there, "a story")
    await both.there.wait_for(lambda _: both.there.from_bot)
    both.there.workspace.installed = False
    go.set()
    alarm = await both.alarmed("slack.token_refused")
    assert "token_revoked" in alarm["reason"]
    assert "Install the app" in alarm["mend"]
    await both.running.quiet()
    [(state, reason)] = both.rows("SELECT state, reason FROM replies")
    assert state == "failed"
    assert "token_revoked" in reason
    both.generator.script = echo
    await both.discord_answers()
    assert [line["event"] for line in both.errors()] == ["slack.token_refused"]


async def test_a_slack_app_token_that_expired_is_one_alarm_and_discord_goes_on(
    both: Both,
) -> None:
    both.slack.app.app_token = "xapp-another"
    both.slack.socket_mode.kill()
    alarm = await both.alarmed("cannot connect")
    assert alarm["platform"] == "slack"
    assert "connections:write" in alarm["reason"]
    tried = len([call for call in both.slack.calls if call.method == "apps.connections.open"])
    await both.discord_answers()
    again = len([call for call in both.slack.calls if call.method == "apps.connections.open"])
    assert again == tried
    assert len(both.errors()) == 1


@pytest.mark.slow
async def test_socket_mode_switched_off_is_one_alarm_and_taken_up_when_it_is_on_again(
    both: Both, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "AGAIN_AFTER", (0.2,))
    off = both.slack.faults.fail(
        "POST", "apps.connections.open", error="forbidden_team", times=1_000_000
    )
    before = both.slack.socket_mode.connects
    both.slack.socket_mode.disconnect("link_disabled")
    both.slack.socket_mode.kill()
    alarm = await both.alarmed("slack.connection_refused")
    assert "Socket Mode" in alarm["mend"]
    await both.discord_answers()
    off.times = 0
    await both.slack.socket_mode.wait_connects(before + 2, 30)
    await both.slack_answers()
    assert len(both.errors()) == 1
