"""Slack's requests over HTTP while this machine's clock and Slack's differ."""

from __future__ import annotations

from typing import Any

import pytest
import structlog

from adapters.web.server import WebServer
from tests.loopback.slack import SlackServer
from tests.slack.test_messenger import healthy, over_http


async def refused(server: SlackServer, age: float, secret: str = "") -> list[Any]:
    """What the log says while two requests of this age are refused."""
    web = WebServer("127.0.0.1", 0, health=healthy)
    await web.start()
    try:
        with structlog.testing.capture_logs() as log:
            async with over_http(server, web) as stage:
                hooks = server.post_events_to(f"http://127.0.0.1:{web.port}/slack/events")
                hooks.age, hooks.secret = age, secret or hooks.secret
                server.dispatch.pauses = ()
                for words in ("one", "two"):
                    await stage.ann.dm(words)
                    await server.dispatch.settled(30.0)
                assert {posted.status for posted in hooks.posted} == {401}
                assert stage.inbox.accepted == []
    finally:
        await web.stop()
    return [line for line in log if line["event"] == "slack.clocks_differ"]


@pytest.mark.parametrize("age", [1000.0, -1000.0])
async def test_a_clock_that_is_off_is_one_alarm_with_how_much(
    slack_server: SlackServer, age: float
) -> None:
    [alarm] = await refused(slack_server, age)
    assert alarm["log_level"] == "error"
    assert abs(alarm["seconds"] - age) < 60
    assert "NTP" in alarm["mend"]


async def test_an_old_request_that_slack_did_not_sign_says_nothing_of_clocks(
    slack_server: SlackServer,
) -> None:
    assert await refused(slack_server, 1000.0, "somebody else's secret") == []
