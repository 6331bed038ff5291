"""Messages that grow: start, append, stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.loopback.slack import payloads
from tests.loopback.slack.chat import LONGEST_MARKDOWN, check_blocks
from tests.loopback.slack.drafts import Draft
from tests.loopback.slack.errors import ApiError
from tests.loopback.slack.model import DM
from tests.loopback.slack.streams import DONE, Stream

if TYPE_CHECKING:
    from tests.loopback.slack.calls import Answers, Call
    from tests.loopback.slack.model import Channel, Json, Message
    from tests.loopback.slack.world import World

CHUNKS = ("markdown_text", "task_update", "plan_update", "blocks")


class Streaming:
    """The three methods of native streams."""

    def __init__(self, world: World) -> None:
        self._world = world

    def methods(self) -> Answers:
        """Its methods by name."""
        return {
            "chat.startStream": self.start,
            "chat.appendStream": self.append,
            "chat.stopStream": self.stop,
        }

    def start(self, call: Call) -> Json:
        """Open a message that can grow."""
        channel = call.joined()
        _check_recipient(call, channel)
        root = call.root(channel, "messaging_processing_failed")
        if root is None and channel.kind == DM:
            raise ApiError("channel_type_not_supported")
        text, chunks = _written(call)
        _check_length(text)
        clock = self._world.clock
        stream = Stream(clock, clock.now() + self._world.stream_lifetime, chunks)
        draft = Draft(text, root=root, markdown=True, stream=stream)
        message = self._world.post(channel, call.workspace.bot, draft)
        return {"channel": channel.id, "ts": message.ts}

    def append(self, call: Call) -> Json:
        """Let it grow."""
        message, stream = _streamed(call)
        stream.check_open(appending=True)
        text, chunks = _written(call)
        if not text and not chunks:
            raise ApiError("no_text")
        self._grow(message, stream, text, chunks)
        return {"channel": message.channel.id, "ts": message.ts}

    def stop(self, call: Call) -> Json:
        """End it, with the last of its text and what stands below it."""
        message, stream = _streamed(call)
        stream.check_open(appending=False)
        text, chunks = _written(call)
        blocks = call.listed("blocks")
        check_blocks(blocks, "msg_blocks_too_long")
        before = payloads.message(message)
        if text or chunks:
            self._grow(message, stream, text, chunks)
        message.blocks = stream.closing = blocks
        message.metadata = call.args.get("metadata") or message.metadata
        stream.ended = DONE
        if status := call.args.get("session_status"):
            message.channel.sessions[message.thread_ts] = status
        self._world.changed(message, before)
        return {
            "channel": message.channel.id,
            "ts": message.ts,
            "message": payloads.message(message),
        }

    def _grow(self, message: Message, stream: Stream, text: str, chunks: list[Json]) -> None:
        _check_length(message.content + text)
        stream.chunks += chunks
        self._world.grow(message, message.content + text)


def _streamed(call: Call) -> tuple[Message, Stream]:
    message = call.message(call.joined())
    if message.author is not call.workspace.bot:
        raise ApiError("message_not_owned_by_app")
    if message.stream is None:
        raise ApiError("message_not_in_streaming_state")
    return message, message.stream


def _check_recipient(call: Call, channel: Channel) -> None:
    """Outside a DM Slack must be told for whom the stream is."""
    user, team = call.args.get("recipient_user_id"), call.args.get("recipient_team_id")
    if channel.kind != DM and not user:
        raise ApiError("missing_recipient_user_id")
    if channel.kind != DM and not team:
        raise ApiError("missing_recipient_team_id")
    if user and user not in call.workspace.users:
        raise ApiError("user_not_found")
    if team and team != call.workspace.id:
        raise ApiError("team_not_found")


def _written(call: Call) -> tuple[str, list[Json]]:
    """The text of a call, and all its chunks."""
    chunks = call.listed("chunks")
    text = call.args.get("markdown_text") or ""
    if text and chunks:
        raise ApiError("invalid_chunks")
    if any(chunk.get("type") not in CHUNKS for chunk in chunks):
        raise ApiError("invalid_chunks")
    words = [str(chunk["text"]) for chunk in chunks if chunk["type"] == "markdown_text"]
    return text or "".join(words), chunks


def _check_length(text: str) -> None:
    if len(text) > LONGEST_MARKDOWN:
        raise ApiError("msg_blocks_too_long")
