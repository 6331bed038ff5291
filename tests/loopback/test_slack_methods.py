"""The Web API of the loopback Slack, as unmodified slack_sdk finds it."""

from __future__ import annotations

from typing import Any

import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import MarkdownBlock

from tests.conftest import outside
from tests.loopback.slack import SlackServer
from tests.loopback.slack.judge import METHODS, MethodJudge
from tests.loopback.slack_client import web_client


async def refused(call: Any) -> str:
    """The error with which Slack answers a call."""
    with pytest.raises(SlackApiError) as raised:
        await call
    return str(raised.value.response["error"])


async def test_an_edit_is_kept_in_the_timeline(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, client = workspace.channel("general"), web_client(slack_server, workspace)
    posted = await client.chat_postMessage(channel=channel.id, markdown_text="*one*")
    await client.chat_update(channel=channel.id, ts=posted["ts"], markdown_text="*one* two")
    [message] = channel.from_bot
    assert [version.content for version in message.timeline] == ["*one*", "*one* two"]
    assert message.timeline[0].at <= message.timeline[1].at
    assert message.edits == 1


async def test_unescaped_mentions_are_recorded_as_pings(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    client = web_client(slack_server, workspace)
    for text in ("<!channel> <@U0> &lt;!here&gt;", f"<!subteam^S1|@staff> {ann.mention}"):
        await client.chat_postMessage(channel=channel.id, markdown_text=text)
    await client.chat_postMessage(channel=channel.id, text="@here", link_names=True)
    await client.chat_postMessage(
        channel=channel.id, text="plain", blocks=[MarkdownBlock(text="<!everyone>")]
    )
    assert [message.pings for message in channel.from_bot] == [
        {"channel"},
        {"subteam S1", "user Ann"},
        {"here"},
        {"everyone"},
    ]


async def test_texts_have_their_limits(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, client = workspace.channel("general"), web_client(slack_server, workspace)
    here = channel.id
    posted = await client.chat_postMessage(channel=here, text="x" * 40_001)
    assert posted["response_metadata"]["warnings"] == ["message_truncated"]
    assert len(channel.messages[0].content) == 40_000
    ts, long = posted["ts"], "x" * 12_001
    answers = [
        await refused(client.chat_update(channel=here, ts=ts, text="x" * 4_001)),
        await refused(client.chat_update(channel=here, ts=ts, markdown_text=long)),
        await refused(client.chat_postMessage(channel=here, markdown_text=long)),
        await refused(client.chat_postMessage(channel=here, markdown_text="a", text="b")),
        await refused(client.api_call("chat.postMessage", json={"channel": here, "text": " "})),
    ]
    assert answers == [
        "msg_too_long",
        "msg_too_long",
        "msg_blocks_too_long",
        "markdown_text_conflict",
        "no_text",
    ]


async def test_only_own_messages_can_be_changed(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    client = web_client(slack_server, workspace)
    said = await ann.says(channel, "mine")
    answers = [
        await refused(client.chat_update(channel=channel.id, ts=said.ts, text="yours")),
        await refused(client.chat_delete(channel=channel.id, ts=said.ts)),
        await refused(client.chat_update(channel=channel.id, ts="1.2", text="whose")),
    ]
    assert answers == ["cant_update_message", "cant_delete_message", "message_not_found"]


async def test_places_that_the_bot_cannot_write_in(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    public = workspace.channel("public", bot=False)
    hidden = workspace.channel("hidden", private=True, bot=False)
    client, ann = web_client(slack_server, workspace), workspace.member("Ann")
    gone = await ann.says(workspace.channel("general"), "hello")
    await ann.deletes(gone)
    post = client.chat_postMessage
    answers = [
        await refused(post(channel=public.id, text="a")),
        await refused(post(channel=hidden.id, text="a")),
        await refused(post(channel=gone.channel.id, thread_ts=gone.ts, text="a")),
    ]
    assert answers == ["not_in_channel", "channel_not_found", "cannot_reply_to_message"]


async def test_tokens_and_scopes_are_checked(slack_server: SlackServer) -> None:
    workspace, other = slack_server.workspace(), slack_server.workspace("Other")
    channel, client = workspace.channel("general"), web_client(slack_server, workspace)
    test = client.auth_test
    workspace.scopes.discard("reactions:write")
    answers = [
        await refused(test(token="")),
        await refused(test(token="xoxb-wrong")),
        await refused(test(token=slack_server.app.app_token)),
        await refused(client.apps_connections_open(app_token=workspace.bot_token)),
        await refused(client.reactions_add(channel=channel.id, timestamp="1.1", name="eyes")),
        await refused(client.conversations_history(channel=channel.id, token=other.bot_token)),
    ]
    assert answers == [
        "not_authed",
        "invalid_auth",
        "not_allowed_token_type",
        "not_allowed_token_type",
        "missing_scope",
        "channel_not_found",
    ]
    granted = (await test()).headers["x-oauth-scopes"].split(",")
    assert "chat:write" in granted
    assert "reactions:write" not in granted


async def test_histories_are_paged(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    client = web_client(slack_server, workspace)
    root = await ann.says(channel, "root")
    replies = [await ann.says(channel, str(number), thread=root) for number in range(3)]
    last = await ann.says(channel, "last")
    thread = []
    async for page in await client.conversations_replies(channel=channel.id, ts=root.ts, limit=2):
        thread += [message["ts"] for message in page["messages"]]
    history = await client.conversations_history(channel=channel.id)
    assert thread == [root.ts, *(reply.ts for reply in replies)]
    assert [message["ts"] for message in history["messages"]] == [last.ts, root.ts]
    assert history["messages"][1]["reply_count"] == 3


async def test_people_are_described_with_their_standing(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace(enterprise_id="E1")
    ann, mia = workspace.member("Ann"), workspace.member("Mia", owner=True)
    client = web_client(slack_server, workspace)
    users = [(await client.users_info(user=p.user.id))["user"] for p in (ann, mia)]
    direct = await client.conversations_open(users=ann.user.id)
    me = await client.auth_test()
    assert [(user["is_admin"], user["is_owner"]) for user in users] == [
        (False, False),
        (True, True),
    ]
    assert direct["channel"]["id"] == ann.dms.id
    assert (me["user_id"], me["enterprise_id"]) == (workspace.bot.id, "E1")


async def test_a_status_ends_with_the_next_message(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    client, said = web_client(slack_server, workspace), await ann.says(channel, "hello")
    place: dict[str, Any] = {"channel_id": channel.id, "thread_ts": said.ts}
    await client.assistant_threads_setStatus(**place, status="is thinking…")
    assert channel.status(said) == "is thinking…"
    await client.chat_postMessage(channel=channel.id, thread_ts=said.ts, text="hi")
    assert channel.status(said) == ""
    await client.assistant_threads_setStatus(**place, status="is writing…")
    slack_server.clock.advance(120)
    assert channel.status(said) == ""
    assert [status.text for status in channel.statuses] == ["is thinking…", "is writing…"]


async def test_prompts_with_a_thread_are_silently_lost(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    ann, client = workspace.member("Ann"), web_client(slack_server, workspace)
    said = await ann.dm("hello")
    prompts = [{"title": "Poem", "message": "Write a poem"}]
    suggest = client.assistant_threads_setSuggestedPrompts
    await suggest(channel_id=ann.dms.id, thread_ts=said.ts, prompts=prompts)
    assert ann.dms.prompts == []
    await suggest(channel_id=ann.dms.id, prompts=prompts)
    assert (await ann.dms.wait_for_prompts())["prompts"] == prompts
    assert await refused(suggest(channel_id=ann.dms.id, prompts=prompts * 5)) == "invalid_arguments"


async def test_a_session_has_a_state_and_a_title(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    ann, client = workspace.member("Ann"), web_client(slack_server, workspace)
    said = await ann.dm("hello")
    place: dict[str, Any] = {"channel_id": ann.dms.id, "thread_ts": said.ts}
    await client.agents_sessions_setStatus(**place, status="processing", title="Greeting")
    assert ann.dms.sessions == {said.ts: "processing"}
    assert ann.dms.titles == {said.ts: "Greeting"}


async def test_what_slack_would_not_know_is_noted() -> None:
    async with SlackServer() as server:
        workspace = server.workspace()
        channel, ann = workspace.channel("general"), workspace.member("Ann")
        client = web_client(server, workspace)
        said = await ann.says(channel, "hello")
        reply = await ann.says(channel, "more", thread=said)
        await client.chat_postMessage(channel=channel.id, thread_ts=reply.ts, text="hi")
        await refused(client.api_call("chat.shout", json={}))
        await refused(client.team_info())
        assert len(server.violations) == 3
        assert "thread_ts is the timestamp of a reply" in server.violations[0]
        assert server.violations[1:] == [
            "chat.shout: not known to this server",
            "team.info: the app never asked for team:read",
        ]
        assert server.misstatements == []


async def test_arguments_are_held_against_the_description() -> None:
    judge = MethodJudge(outside(METHODS))
    async with SlackServer(judge=judge) as server:
        workspace = server.workspace()
        channel, client = workspace.channel("general"), web_client(server, workspace)
        await client.chat_postMessage(channel=channel.id, text="hi", unfurl_links=False)
        assert server.violations == []
        await client.chat_postMessage(channel=channel.id, text="hi", colour="red")
        await refused(client.api_call("chat.update", json={"channel": channel.id, "text": "hi"}))
        assert [violation.split(":")[0] for violation in server.violations] == [
            "chat.postMessage at $",
            "chat.update at $",
        ]
