"""Native streams of the loopback Slack: their state, their age and their limits."""

from __future__ import annotations

from typing import Any

from slack_sdk.web.async_client import AsyncWebClient

from tests.loopback.slack import Channel, Message, Person, SlackServer
from tests.loopback.slack_client import web_client
from tests.loopback.test_slack_methods import refused


class Opened:
    """A stream that answers a question in a channel."""

    def __init__(self, client: AsyncWebClient, message: Message) -> None:
        self.client = client
        self.message = message
        self.at: dict[str, Any] = {"channel": message.channel.id, "ts": message.ts}

    async def append(self, text: str) -> None:
        await self.client.chat_appendStream(**self.at, markdown_text=text)


async def opened(server: SlackServer, text: str = "One") -> tuple[Opened, Channel, Person]:
    workspace = server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    client = web_client(server, workspace)
    said = await ann.says(channel, "count")
    started = await client.chat_startStream(
        channel=channel.id,
        thread_ts=said.ts,
        markdown_text=text,
        recipient_user_id=ann.user.id,
        recipient_team_id=workspace.id,
    )
    return Opened(client, channel.store[started["ts"]]), channel, ann


async def test_a_stream_grows_and_ends(slack_server: SlackServer) -> None:
    stream, channel, _ = await opened(slack_server)
    await stream.append(", two")
    feedback: list[dict[str, Any]] = [{"type": "divider"}]
    await stream.client.chat_stopStream(**stream.at, markdown_text=", three.", blocks=feedback)
    [message] = channel.from_bot
    assert [v.content for v in message.timeline] == ["One", "One, two", "One, two, three."]
    assert message.blocks == feedback
    assert message.root is channel.messages[0]
    late = stream.client.chat_appendStream(**stream.at, markdown_text="!")
    assert await refused(late) == "message_not_in_streaming_state"


async def test_the_streamer_of_the_sdk_works(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    ann, client = workspace.member("Ann"), web_client(slack_server, workspace)
    said = await ann.dm("hello")
    streamer = await client.chat_stream(channel=ann.dms.id, thread_ts=said.ts, buffer_size=1)
    await streamer.append(markdown_text="Good ")
    await streamer.append(markdown_text="day")
    await streamer.stop()
    [answer] = ann.dms.thread(said)
    assert answer.content == "Good day"
    assert answer.stream is not None
    assert answer.stream.state == "done"


async def test_a_stream_cannot_be_updated_before_it_ends(slack_server: SlackServer) -> None:
    stream, channel, _ = await opened(slack_server)
    update = stream.client.chat_update
    assert await refused(update(**stream.at, markdown_text="new")) == "streaming_state_conflict"
    await stream.client.chat_stopStream(**stream.at)
    await update(**stream.at, markdown_text="new")
    assert channel.from_bot[0].content == "new"


async def test_a_stream_dies_of_age_and_can_then_be_updated(slack_server: SlackServer) -> None:
    stream, channel, _ = await opened(slack_server)
    slack_server.clock.advance(299)
    await stream.append(", two")
    slack_server.clock.advance(2)
    append = stream.client.chat_appendStream(**stream.at, markdown_text="!")
    assert await refused(append) == "message_not_in_streaming_state"
    stop = stream.client.chat_stopStream(**stream.at)
    assert await refused(stop) == "message_not_in_streaming_state"
    await stream.client.chat_update(**stream.at, markdown_text="One, two, three.")
    assert channel.from_bot[0].content == "One, two, three."


async def test_a_stream_stopped_by_a_person_takes_no_more(slack_server: SlackServer) -> None:
    stream, _, ann = await opened(slack_server)
    await ann.stops(stream.message)
    append = stream.client.chat_appendStream(**stream.at, markdown_text="!")
    assert await refused(append) == "stopped_by_user"


async def test_a_stream_is_no_longer_than_a_message(slack_server: SlackServer) -> None:
    stream, channel, _ = await opened(slack_server, "x" * 11_999)
    append = stream.client.chat_appendStream
    assert await refused(append(**stream.at, markdown_text="xx")) == "msg_blocks_too_long"
    await stream.append("x")
    assert len(channel.from_bot[0].content) == 12_000


async def test_a_stream_in_a_channel_names_its_reader(slack_server: SlackServer) -> None:
    workspace = slack_server.workspace()
    channel, ann = workspace.channel("general"), workspace.member("Ann")
    start = web_client(slack_server, workspace).chat_startStream
    said = await ann.says(channel, "hello")
    place: dict[str, Any] = {"channel": channel.id, "thread_ts": said.ts}
    user: dict[str, Any] = {"recipient_user_id": ann.user.id}
    answers = [
        await refused(start(**place)),
        await refused(start(**place, **user)),
        await refused(start(**place, **user, recipient_team_id="T0")),
    ]
    assert answers == ["missing_recipient_user_id", "missing_recipient_team_id", "team_not_found"]
