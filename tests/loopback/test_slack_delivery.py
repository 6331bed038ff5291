"""What is said in the loopback Slack arrives, as unmodified Bolt sees it over Socket Mode."""

from __future__ import annotations

import aiohttp
import pytest

from tests.loopback.slack import InteractionFailedError, SlackServer
from tests.loopback.slack_client import PATIENCE, Listener, web_client


async def test_a_message_makes_the_round_trip(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    listener = Listener(slack_server, workspace)
    async with listener.connected():
        said = await ann.says(channel, "hello")
        event = await listener.hears()
        assert (event["text"], event["ts"], event["user"]) == ("hello", said.ts, ann.user.id)
        assert (event["channel"], event["channel_type"]) == (channel.id, "channel")
        await listener.client.chat_postMessage(
            channel=event["channel"], thread_ts=event["ts"], text="hi"
        )
        [answer] = await channel.wait_for(lambda _: channel.thread(said))
    assert answer.content == "hi"
    assert answer in channel.from_bot
    assert slack_server.socket_mode.acks


async def test_a_mention_is_told_twice_in_any_order(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    listener = Listener(slack_server, workspace)
    async with listener.connected():
        said = await ann.mentions(channel, "hello")
        events = await listener.hears_all(2)
        await ann.dm("@bot in private")
        private = await listener.hears()
    assert {event["type"] for event in events} == {"message", "app_mention"}
    assert {event["ts"] for event in events} == {said.ts}
    assert {event["text"] for event in events} == {f"{workspace.bot.mention} hello"}
    assert (private["type"], private["channel_type"]) == ("message", "im")
    assert listener.heard.empty()


async def test_threads_edits_and_deletions_are_told(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    listener = Listener(slack_server, workspace)
    async with listener.connected():
        root = await ann.says(channel, "one")
        reply = await ann.says(channel, "two", thread=root)
        _, told = await listener.hears_all(2)
        await ann.edits(reply, "three")
        changed = await listener.hears()
        await ann.deletes(reply)
        deleted = await listener.hears()
    assert told["thread_ts"] == root.ts
    assert (changed["subtype"], changed["message"]["text"]) == ("message_changed", "three")
    assert changed["previous_message"]["text"] == "two"
    assert (deleted["subtype"], deleted["deleted_ts"]) == ("message_deleted", reply.ts)
    assert channel.messages == [root]


async def test_the_bot_is_not_told_of_where_it_is_not(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    elsewhere = workspace.channel("elsewhere", bot=False)
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    listener = Listener(slack_server, workspace)
    async with listener.connected():
        await ann.mentions(elsewhere, "secret")
        said = await ann.says(channel, "public")
        assert (await listener.hears())["ts"] == said.ts
    assert listener.heard.empty()


async def test_a_first_attempt_has_retry_number_zero_and_a_retry_has_not(
    slack_server: SlackServer,
) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    listener = Listener(slack_server, workspace)
    async with listener.connected():
        said = await ann.says(channel, "hello")
        first = await listener.request()
        slack_server.dispatch.repeat(said)
        second = await listener.request()
    assert first.headers["x-slack-retry-num"] == ["0"]
    assert second.headers["x-slack-retry-num"] == ["1"]
    assert first.body["event_id"] == second.body["event_id"]


async def test_an_event_that_nobody_takes_is_sent_again(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    slack_server.world.patience = 0.05
    slack_server.dispatch.pauses = (0.0,)
    await ann.says(channel, "lost")
    await slack_server.dispatch.settled()
    assert len(slack_server.dispatch.given_up) == 1
    slack_server.world.patience = PATIENCE
    listener = Listener(slack_server, workspace)
    await ann.says(channel, "waits for a connection")
    async with listener.connected():
        assert (await listener.hears())["text"] == "waits for a connection"


async def test_doubles_and_disorder_can_be_had(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    listener = Listener(slack_server, workspace)
    async with listener.connected():
        slack_server.dispatch.copies = 2
        slack_server.dispatch.hold()
        for word in ("one", "two"):
            await ann.says(channel, word)
        slack_server.dispatch.release(reverse=True)
        texts = [event["text"] for event in await listener.hears_all(4)]
    assert texts == ["two", "two", "one", "one"]


async def test_envelopes_go_to_any_of_two_connections(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    listener = Listener(slack_server, workspace)
    async with listener.connected(2):
        for number in range(40):
            await ann.says(channel, str(number))
        await listener.hears_all(40)
        await slack_server.dispatch.settled()
        used = {ack.connection for ack in slack_server.socket_mode.acks}
        shares = [len(c.envelopes) for c in slack_server.socket_mode.connections]
    assert used == {1, 2}
    assert sum(shares) == 40


@pytest.mark.parametrize("reason", ["warning", "refresh_requested", "link_disabled"])
async def test_a_disconnect_makes_the_client_come_back(
    slack_server: SlackServer, reason: str
) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    listener = Listener(slack_server, workspace)
    async with listener.connected():
        slack_server.socket_mode.disconnect(reason)
        await slack_server.socket_mode.wait_connects(2)
        await ann.says(channel, "still there?")
        assert (await listener.hears())["text"] == "still there?"
    assert slack_server.socket_mode.connects == 2


async def test_a_lost_line_is_opened_again(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    listener = Listener(slack_server, workspace)
    async with listener.connected():
        slack_server.socket_mode.kill()
        await slack_server.socket_mode.wait_connects(2)
        await ann.says(channel, "back")
        assert (await listener.hears())["text"] == "back"


async def test_the_surface_of_an_agent_is_told(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    ann = workspace.member("Ann")
    listener = Listener(slack_server, workspace)
    async with listener.connected():
        tab = await ann.opens_messages_tab()
        opened = await listener.hears()
        question = await ann.dm("hello")
        await listener.hears()
        started = await listener.client.chat_startStream(
            channel=tab.id, thread_ts=question.ts, markdown_text="Well"
        )
        [answer] = tab.thread(question)
        await ann.stops(answer)
        stopped = await listener.hears()
        with pytest.raises(InteractionFailedError, match="nothing is streaming"):
            await ann.stops(answer)
    assert (opened["tab"], opened["channel"]) == ("messages", tab.id)
    assert stopped["streaming_message_ts"] == [started["ts"]]
    assert (stopped["thread_ts"], stopped["user"]) == (question.ts, ann.user.id)


async def test_uninstalling_ends_the_tokens(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    listener = Listener(slack_server, workspace)
    async with listener.connected():
        await ann.uninstalls_app()
        await slack_server.dispatch.settled()
        told = [payload["event"]["type"] for payload in slack_server.dispatch.sent]
    await ann.says(channel, "hello?")
    assert len(slack_server.dispatch.sent) == 2
    with pytest.raises(Exception, match="token_revoked"):
        await web_client(slack_server, workspace).auth_test()
    assert sorted(told) == ["app_uninstalled", "tokens_revoked"]


@pytest.mark.parametrize("org_wide", [False, True])
async def test_an_enterprise_is_named_in_the_envelope(
    slack_server: SlackServer, org_wide: bool
) -> None:
    workspace = slack_server.workspace(enterprise_id="E1", org_wide=org_wide)
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    listener = Listener(slack_server, workspace)
    async with listener.connected():
        await ann.says(channel, "hello")
        body = (await listener.request()).body
    assert (body["enterprise_id"], body["team_id"]) == ("E1", workspace.id)
    [authorization] = body["authorizations"]
    assert authorization["is_enterprise_install"] is org_wide
    assert authorization["team_id"] == (None if org_wide else workspace.id)


async def test_no_more_than_ten_connections_are_let_in(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    listener = Listener(slack_server, workspace)
    async with listener.connected(10), aiohttp.ClientSession() as session:
        token = slack_server.app.app_token
        url = (await listener.client.apps_connections_open(app_token=token))["url"]
        async with session.ws_connect(url) as line:
            farewell = await line.receive_json(timeout=PATIENCE)
        assert len(slack_server.socket_mode.open) == 10
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(url)
    assert (farewell["type"], farewell["reason"]) == ("disconnect", "too_many_websockets")
