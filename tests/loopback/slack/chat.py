"""Posting, updating and deleting messages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.loopback.slack import payloads
from tests.loopback.slack.drafts import Draft, texts
from tests.loopback.slack.elements import MOST_ELEMENTS, wrong_elements
from tests.loopback.slack.errors import ApiError
from tests.loopback.slack.streams import OPEN

if TYPE_CHECKING:
    from tests.loopback.slack.calls import Answers, Call
    from tests.loopback.slack.model import Channel, Json, Message
    from tests.loopback.slack.world import World

LONGEST_TEXT = 40_000
LONGEST_UPDATE = 4_000
LONGEST_MARKDOWN = 12_000
LONGEST_SECTION = 3_000
MOST_BLOCKS = 50


class Chat:
    """The chat methods, streams aside."""

    def __init__(self, world: World) -> None:
        self._world = world

    def methods(self) -> Answers:
        """Its methods by name."""
        return {
            "chat.postMessage": self.post,
            "chat.postEphemeral": self.whisper,
            "chat.update": self.update,
            "chat.delete": self.delete,
        }

    def post(self, call: Call) -> Json:
        """Say something. What is too long is cut, with a warning."""
        channel = self._addressed(call)
        draft = drafted(call, too_long="msg_blocks_too_long")
        draft.root = call.root(channel, "cannot_reply_to_message")
        cut = len(draft.content) > LONGEST_TEXT
        draft.content = draft.content[:LONGEST_TEXT]
        message = self._world.post(channel, call.workspace.bot, draft)
        body = _answer(message)
        if cut:
            body["response_metadata"] = {"warnings": ["message_truncated"]}
        return body

    def whisper(self, call: Call) -> Json:
        """Say something to one person."""
        channel = call.joined()
        reader = call.workspace.users.get(call.text("user"))
        if reader is None or (channel.members is not None and reader not in channel.members):
            raise ApiError("user_not_in_channel")
        draft = drafted(call, too_long="msg_too_long")
        draft.root = call.root(channel, "cannot_reply_to_message")
        draft.only_for = reader
        return {"message_ts": self._world.post(channel, call.workspace.bot, draft).ts}

    def update(self, call: Call) -> Json:
        """Change one of the bot's own messages."""
        message = call.message(call.channel())
        if message.author is not call.workspace.bot:
            raise ApiError("cant_update_message")
        if message.fixed:
            raise ApiError(message.fixed)
        if message.stream is not None and message.stream.state == OPEN:
            raise ApiError("streaming_state_conflict")
        draft = drafted(call, too_long="msg_too_long")
        if len(call.args.get("text") or "") > LONGEST_UPDATE:
            raise ApiError("msg_too_long")
        if call.args.get("blocks") is not None:
            message.blocks = draft.blocks
        message.markdown, message.fallback = draft.markdown, draft.fallback
        if draft.metadata is not None:
            message.metadata = draft.metadata
        self._world.rewrite(message, draft.content, link_names=draft.link_names)
        return _answer(message) | {"text": draft.content}

    def delete(self, call: Call) -> Json:
        """Take back one of the bot's own messages."""
        message = call.message(call.channel())
        if message.author is not call.workspace.bot or message.lasting:
            raise ApiError("cant_delete_message")
        self._world.remove(message)
        return {"channel": message.channel.id, "ts": message.ts}

    def _addressed(self, call: Call) -> Channel:
        """Posting also takes a person's id, for their DM."""
        person = call.workspace.users.get(call.text("channel"))
        return self._world.direct(person) if person else call.joined()


def drafted(call: Call, *, too_long: str) -> Draft:
    """What the arguments say: text, or Markdown, or blocks with a text for notifications."""
    text, markdown = call.args.get("text") or "", call.args.get("markdown_text")
    blocks = call.listed("blocks")
    check_blocks(blocks, too_long)
    link_names = call.flag("link_names") or call.args.get("parse") == "full"
    metadata = call.args.get("metadata")
    if markdown is not None:
        if text or blocks:
            raise ApiError("markdown_text_conflict")
        if len(markdown) > LONGEST_MARKDOWN:
            raise ApiError(too_long)
    words = "\n".join(texts(blocks))
    content = markdown or words or text
    if not (content.strip() or blocks):
        raise ApiError("no_text")
    return Draft(
        content,
        fallback=text if words else "",
        blocks=blocks,
        metadata=metadata,
        markdown=markdown is not None,
        link_names=link_names,
    )


def check_blocks(blocks: list[Json], too_long: str) -> None:
    """Slack's limits on what a message may be built of."""
    if len(blocks) > MOST_BLOCKS or not all(block.get("type") for block in blocks):
        raise ApiError("invalid_blocks")
    written = sum(len(str(b.get("text", ""))) for b in blocks if b["type"] == "markdown")
    if written > LONGEST_MARKDOWN:
        raise ApiError(too_long)
    for block in blocks:
        text = block.get("text")
        if isinstance(text, dict) and not 0 < len(text.get("text", "")) <= LONGEST_SECTION:
            raise ApiError("invalid_blocks")
    if wrong_elements(blocks, MOST_ELEMENTS):
        raise ApiError("invalid_blocks")


def _answer(message: Message) -> Json:
    return {
        "channel": message.channel.id,
        "ts": message.ts,
        "message": payloads.message(message),
    }
