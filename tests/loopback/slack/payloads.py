"""Slack's JSON for the nouns, as the Web API and the events carry them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.loopback.slack.model import DM, GROUP_DM, PRIVATE, PUBLIC

if TYPE_CHECKING:
    from tests.loopback.slack.model import Channel, Json, Message, Upload, User, Workspace

EVENT_KINDS = {PUBLIC: "channel", PRIVATE: "group", DM: "im", GROUP_DM: "mpim"}
SUBSCRIPTIONS = {
    PUBLIC: "message.channels",
    PRIVATE: "message.groups",
    DM: "message.im",
    GROUP_DM: "message.mpim",
}


def user(user: User) -> Json:
    """An account, as users.info has it."""
    workspace = user.workspace
    body: Json = {
        "id": user.id,
        "team_id": user.home or workspace.id,
        "name": user.name.lower(),
        "real_name": user.name,
        "deleted": False,
        "tz": "Europe/Madrid",
        "tz_offset": 3600,
        "profile": {"real_name": user.name, "display_name": user.name, "team": workspace.id},
        "is_admin": user.admin,
        "is_owner": user.owner,
        "is_primary_owner": user.primary_owner,
        "is_restricted": user.guest,
        "is_ultra_restricted": False,
        "is_bot": bool(user.bot_id),
        "is_app_user": False,
        "updated": 1767225600,
    }
    if workspace.enterprise_id:
        body["enterprise_user"] = {
            "id": user.id,
            "enterprise_id": workspace.enterprise_id,
            "teams": [workspace.id],
        }
    return body


def channel(channel: Channel) -> Json:
    """A conversation, as conversations.info has it."""
    body: Json = {
        "id": channel.id,
        "created": 1767225600,
        "is_channel": channel.kind == PUBLIC,
        "is_group": channel.kind == PRIVATE,
        "is_im": channel.kind == DM,
        "is_mpim": channel.kind == GROUP_DM,
        "is_private": channel.kind != PUBLIC,
        "is_archived": False,
        "context_team_id": channel.workspace.id,
    }
    if channel.kind == DM:
        return body | {"user": person_of(channel).id, "is_open": True}
    return body | {
        "name": channel.name,
        "name_normalized": channel.name,
        "is_member": channel.bot_is_in,
        "is_general": False,
        "is_shared": False,
        "creator": next(iter(channel.workspace.users)),
    }


def person_of(channel: Channel) -> User:
    """Who is on the other side of a DM."""
    return next(u for u in channel.members or () if u is not channel.workspace.bot)


def message(message: Message) -> Json:
    """A message, as histories and answers have it; no channel is named in it."""
    author, workspace = message.author, message.channel.workspace
    body: Json = {
        "type": "message",
        "user": author.id,
        "team": workspace.id,
        "text": message.fallback or message.content,
        "ts": message.ts,
    }
    if author.bot_id:
        body |= {"bot_id": author.bot_id, "bot_profile": _bot_profile(author, workspace)}
    elif not message.ephemeral:
        body["client_msg_id"] = f"00000000-0000-4000-8000-{message.ts.replace('.', '')[-12:]}"
    if blocks := _blocks(message):
        body["blocks"] = blocks
    if message.root is not None:
        body |= {"thread_ts": message.thread_ts, "parent_user_id": message.root.author.id}
    elif message.channel.thread(message):
        body["thread_ts"] = message.ts
    if message.files:
        body |= {"files": [_attached(each) for each in message.files], "upload": False}
        body["subtype"] = "file_share"
    if message.edited:
        body["edited"] = {"user": author.id, "ts": message.ts}
    return body


def file(upload: Upload) -> Json:
    """A file, as messages carry it."""
    return {
        "id": upload.id,
        "name": upload.name,
        "title": upload.name,
        "mimetype": upload.mimetype,
        "filetype": upload.name.rpartition(".")[2],
        "size": len(upload.content),
        "mode": "hosted",
        "is_external": False,
        "url_private": upload.url,
        "url_private_download": f"{upload.url}/download",
    }


def stored(message_: Message, *, all_metadata: bool = False) -> Json:
    """The same with what histories add; what apps hid in it only if they ask for it."""
    body = message(message_)
    if all_metadata and message_.metadata:
        body["metadata"] = message_.metadata
    if replies := message_.channel.thread(message_):
        body |= {
            "reply_count": len(replies),
            "reply_users_count": len({reply.author for reply in replies}),
            "latest_reply": replies[-1].ts,
        }
    if message_.reactions:
        bot = message_.channel.workspace.bot.id
        names = sorted(message_.reactions)
        body["reactions"] = [{"name": name, "users": [bot], "count": 1} for name in names]
    return body


def app_mention(said: Message) -> Json:
    """The event of a mention, beside the event of its message."""
    body = message(said) | {"type": "app_mention", "channel": said.channel.id, "event_ts": said.ts}
    for name in ("parent_user_id", "subtype"):
        body.pop(name, None)
    return body


def message_event(said: Message) -> Json:
    """The event of something said."""
    kind = EVENT_KINDS[said.channel.kind]
    return message(said) | {
        "channel": said.channel.id,
        "event_ts": said.ts,
        "channel_type": kind,
    }


def message_changed(said: Message, before: Json, ts: str) -> Json:
    """The event of an edit."""
    return _about(said, "message_changed", ts) | {
        "message": message(said),
        "previous_message": before,
    }


def message_deleted(said: Message, ts: str) -> Json:
    """The event of a deletion."""
    return _about(said, "message_deleted", ts) | {
        "deleted_ts": said.ts,
        "previous_message": message(said),
    }


def _attached(upload: Upload) -> Json:
    if upload.deleted:
        return {"id": upload.id, "mode": "tombstone"}
    return {"id": upload.id, "file_access": "check_file_info"} if upload.bare else file(upload)


def _about(said: Message, subtype: str, ts: str) -> Json:
    return {
        "type": "message",
        "subtype": subtype,
        "channel": said.channel.id,
        "hidden": True,
        "ts": ts,
        "event_ts": ts,
        "channel_type": EVENT_KINDS[said.channel.kind],
    }


def _blocks(message: Message) -> list[Json]:
    if message.markdown and message.content:
        shown = {"type": "markdown", "block_id": "md", "text": message.content}
        return [shown, *message.blocks]
    return message.blocks


def _bot_profile(author: User, workspace: Workspace) -> Json:
    return {
        "id": author.bot_id,
        "deleted": False,
        "name": author.name,
        "updated": 1767225600,
        "app_id": workspace.world.app.id,
        "team_id": workspace.id,
    }
