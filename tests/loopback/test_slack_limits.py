"""Rate limits and faults of the loopback Slack."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.http_retry.builtin_async_handlers import AsyncRateLimitErrorRetryHandler

from tests.loopback.slack import SlackServer
from tests.loopback.slack_client import PATIENCE, web_client
from tests.loopback.test_slack_methods import refused


async def test_a_tier_is_a_sliding_minute_per_workspace_and_method(
    slack_server: SlackServer,
) -> None:
    one, two = slack_server.workspace("One"), slack_server.workspace("Two")
    channel, client = one.channel("general"), web_client(slack_server, one)
    ts = (await client.chat_postMessage(channel=channel.id, text="0"))["ts"]
    for number in range(25):
        await client.chat_update(channel=channel.id, ts=ts, text=str(number))
    slack_server.clock.advance(30)
    for number in range(25):
        await client.chat_update(channel=channel.id, ts=ts, text=str(number))
    with pytest.raises(SlackApiError) as raised:
        await client.chat_update(channel=channel.id, ts=ts, text="too much")
    assert raised.value.response.status_code == 429
    assert 15 <= int(raised.value.response.headers["Retry-After"]) <= 30
    await web_client(slack_server, two).auth_test()
    slack_server.clock.advance(30)
    await client.chat_update(channel=channel.id, ts=ts, text="again")
    assert slack_server.limits.refused == {"chat.update": 1}
    assert slack_server.limits.admitted["chat.update"] == 51


async def test_posting_is_counted_by_channel(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    busy, quiet = workspace.channel("busy"), workspace.channel("quiet")
    client = web_client(slack_server, workspace)
    for _ in range(5):
        await client.chat_postMessage(channel=busy.id, text="hello")
    assert await refused(client.chat_postMessage(channel=busy.id, text="more")) == "ratelimited"
    await client.chat_postMessage(channel=quiet.id, text="hello")
    slack_server.clock.advance(5)
    await client.chat_postMessage(channel=busy.id, text="more")
    assert len(busy.messages) == 6


async def test_the_retry_handler_of_the_sdk_understands_a_refusal(
    slack_server: SlackServer,
) -> None:
    workspace = slack_server.workspace()
    client = web_client(slack_server, workspace)
    client.retry_handlers.append(AsyncRateLimitErrorRetryHandler(max_retry_count=1))
    slack_server.limits.set("auth.test", 1, seconds=1.0)
    answers = [await client.auth_test() for _ in range(2)]
    assert all(answer["ok"] for answer in answers)
    assert slack_server.limits.total_refused == 1


async def test_a_minute_can_be_made_shorter(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    client = web_client(slack_server, workspace)
    slack_server.limits.minute = 0.001
    for _ in range(60):
        await client.auth_test()
    assert slack_server.limits.total_refused == 0


async def test_faults_strike_before_or_after_the_deed(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, client = workspace.channel("general"), web_client(slack_server, workspace)
    faults, post = slack_server.faults, client.chat_postMessage
    faults.fail("POST", "chat.postMessage", error="fatal_error")
    assert await refused(post(channel=channel.id, text="lost")) == "fatal_error"
    faults.fail("POST", "chat.postMessage", status=503)
    assert await refused(post(channel=channel.id, text="lost")) == "internal_error"
    faults.drop("POST", "chat.postMessage")
    with pytest.raises(aiohttp.ClientError):
        await post(channel=channel.id, text="lost")
    faults.drop("POST", "chat.postMessage", after=True)
    with pytest.raises(aiohttp.ClientError):
        await post(channel=channel.id, text="said")
    assert [message.content for message in channel.messages] == ["said"]


async def test_a_call_can_be_held(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, client = workspace.channel("general"), web_client(slack_server, workspace)
    fault = slack_server.faults.hold("POST", "chat.postMessage")
    posting: asyncio.Task[Any]
    posting = asyncio.create_task(client.chat_postMessage(channel=channel.id, text="late"))
    await fault.reached()
    assert channel.messages == []
    fault.release()
    await asyncio.wait_for(posting, PATIENCE)
    assert [call.method for call in slack_server.calls] == ["chat.postMessage"]
    assert len(channel.messages) == 1
