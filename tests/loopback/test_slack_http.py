"""The loopback Slack over HTTP: signed requests, retries, and installation by OAuth."""

from __future__ import annotations

import asyncio
import urllib.parse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.async_app import AsyncAck
from slack_sdk.errors import SlackApiError
from slack_sdk.oauth import AuthorizeUrlGenerator
from slack_sdk.web.async_client import AsyncWebClient

from tests.loopback.changes import PATIENCE
from tests.loopback.slack import InteractionFailedError, SlackServer, Webhooks
from tests.loopback.slack_client import Listener, web_client
from tests.loopback.test_slack_methods import refused


@asynccontextmanager
async def serving(handler: object) -> AsyncIterator[str]:
    """A server of the app's own; gives its URL."""
    app = web.Application()
    app.router.add_post("/slack/events", handler)  # type: ignore[arg-type]
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def reached(server: SlackServer, listener: Listener) -> AsyncIterator[Webhooks]:
    """A Bolt app behind a request URL."""

    async def handle(request: web.Request) -> web.Response:
        answer = await listener.app.async_dispatch(await to_bolt_request(request))
        return await to_aiohttp_response(answer)

    async with serving(handle) as url:
        yield server.post_events_to(url)


async def test_events_and_commands_come_signed(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    listener = Listener(slack_server, workspace)

    async def helps(ack: AsyncAck) -> None:
        await ack("help yourself")

    listener.app.command("/quipu")(helps)
    async with reached(slack_server, listener) as hooks:
        assert await hooks.verifies_url()
        await ann.says(channel, "hello")
        assert (await listener.hears())["text"] == "hello"
        answer = await (await ann.runs_command("/quipu", "help", channel)).answer()
        await slack_server.dispatch.settled()
    assert answer.content == "help yourself"
    assert [posted.status for posted in hooks.posted] == [200, 200, 200]


@pytest.mark.parametrize(("secret", "age"), [("wrong", 0.0), ("", 600.0)])
async def test_a_bad_signature_is_refused_by_bolt(
    slack_server: SlackServer, secret: str, age: float
) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    listener = Listener(slack_server, workspace)
    slack_server.dispatch.pauses = ()
    async with reached(slack_server, listener) as hooks:
        hooks.secret, hooks.age = secret or hooks.secret, age
        await ann.says(channel, "hello")
        await slack_server.dispatch.settled()
    assert [posted.status for posted in hooks.posted] == [401]
    assert listener.heard.empty()


async def test_a_failed_delivery_is_repeated_three_times(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    seen = []

    async def fail(request: web.Request) -> web.Response:
        seen.append(request.headers.get("X-Slack-Retry-Num"))
        raise web.HTTPInternalServerError

    slack_server.dispatch.pauses = (0.0, 0.0, 0.0)
    async with serving(fail) as url:
        slack_server.post_events_to(url)
        await ann.says(channel, "hello")
        await slack_server.dispatch.settled()
    assert seen == [None, "1", "2", "3"]
    assert len(slack_server.dispatch.given_up) == 1


async def test_a_late_answer_is_a_failure_and_no_retry_is_obeyed(
    slack_server: SlackServer,
) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    reasons, over = [], asyncio.Event()

    async def hang(request: web.Request) -> web.Response:
        reasons.append(request.headers.get("X-Slack-Retry-Reason"))
        if len(reasons) == 1:
            slack_server.world.patience = PATIENCE  # the second shall not be late as well
            await over.wait()
        return web.Response(status=500, headers={"X-Slack-No-Retry": "1"})

    slack_server.world.patience = 0.1
    async with serving(hang) as url:
        slack_server.post_events_to(url)
        await ann.says(channel, "hello")
        await slack_server.dispatch.settled()
        with pytest.raises(InteractionFailedError):
            await ann.runs_command("/quipu", "help", channel)
        over.set()
    assert reasons == [None, "http_timeout", None]


async def test_an_installation_brings_a_token(slack_server: SlackServer) -> None:
    home, other = slack_server.workspace("Home"), slack_server.workspace("Other", installed=False)
    ann, app = other.member("Ann", owner=True), slack_server.app
    pages = AuthorizeUrlGenerator(
        client_id=app.client_id,
        scopes=sorted(app.scopes),
        redirect_uri="https://quipu.test/slack/oauth_redirect",
    )
    back = await ann.approves(pages.generate("state-1"))
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(back).query))
    client = AsyncWebClient(base_url=slack_server.api_url)

    async def exchange(secret: str) -> str:
        answer = await client.oauth_v2_access(
            client_id=app.client_id,
            client_secret=secret,
            code=query["code"],
            redirect_uri="https://quipu.test/slack/oauth_redirect",
        )
        return str(answer["access_token"])

    assert await refused(exchange("wrong")) == "bad_client_secret"
    token = await exchange(app.client_secret)
    assert await refused(exchange(app.client_secret)) == "invalid_code"
    assert query["state"] == "state-1"
    assert (await client.auth_test(token=token))["team_id"] == other.id
    assert (await web_client(slack_server, home).auth_test())["team_id"] == home.id
    await client.auth_revoke(token=token)
    with pytest.raises(SlackApiError, match="token_revoked"):
        await client.auth_test(token=token)


async def test_a_response_url_serves_five_answers(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    listener = Listener(slack_server, workspace)

    async def takes(ack: AsyncAck) -> None:
        await ack()

    listener.app.command("/quipu")(takes)
    async with listener.connected(), aiohttp.ClientSession() as session:
        await ann.runs_command("/quipu", "x", channel)
        url = slack_server.dispatch.sent[-1]["response_url"]
        statuses = []
        for _ in range(6):
            async with session.post(url, json={"text": "a", "response_type": "in_channel"}) as said:
                statuses.append(said.status)
    assert statuses == [200] * 5 + [404]
    assert len(channel.from_bot) == 5
