"""The JSON that Discord sends for each noun."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.loopback.discord.ids import created_at
from tests.loopback.discord.model import DM, PRIVATE_THREAD, TEXT, THREAD, THREADS
from tests.loopback.discord.permissions import in_channel

if TYPE_CHECKING:
    from tests.loopback.discord.model import (
        Attachment,
        Channel,
        Guild,
        Json,
        Member,
        Message,
        Role,
        User,
    )

JOINED = datetime(2024, 1, 1, tzinfo=UTC).isoformat()


def user(of: User) -> Json:
    """A user object."""
    return {
        "id": str(of.id),
        "username": of.name.lower().replace(" ", "_"),
        "global_name": None if of.bot else of.name,
        "discriminator": "0",
        "avatar": None,
        "bot": of.bot,
        "public_flags": 0,
        "flags": 0,
        "primary_guild": None,
    }


def member(of: Member, *, with_user: bool = True) -> Json:
    """A guild member; inside of messages it comes without its user."""
    payload: Json = {
        "nick": of.nick,
        "roles": [str(role.id) for role in of.roles],
        "joined_at": JOINED,
        "deaf": False,
        "mute": False,
        "pending": False,
        "flags": 0,
        "avatar": None,
        "communication_disabled_until": None,
        "banner": None,
        "premium_since": None,
    }
    return payload | {"user": user(of.user)} if with_user else payload


def role(of: Role, position: int) -> Json:
    """A role object."""
    return {
        "id": str(of.id),
        "name": of.name,
        "permissions": str(of.permissions),
        "position": position,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "icon": None,
        "unicode_emoji": None,
        "hoist": False,
        "managed": False,
        "mentionable": of.mentionable,
        "flags": 0,
    } | ({"tags": {"bot_id": str(of.of_bot.id)}} if of.of_bot else {})


def channel(of: Channel) -> Json:
    """A channel object of any kind."""
    last = max(of.store, default=None)
    payload: Json = {
        "id": str(of.id),
        "type": of.kind,
        "last_message_id": str(last) if last else None,
        "flags": 0,
    }
    shape = {TEXT: _text, DM: _direct, THREAD: _thread, PRIVATE_THREAD: _thread}[of.kind]
    return payload | shape(of)


def _text(of: Channel) -> Json:
    assert of.guild is not None
    return {
        "guild_id": str(of.guild.id),
        "name": of.name,
        "position": of.guild.channels.index(of),
        "parent_id": None,
        "topic": None,
        "nsfw": False,
        "rate_limit_per_user": 0,
        "permission_overwrites": [
            {
                "id": str(target),
                "type": 1 if target in of.guild.members else 0,
                "allow": str(write.allow),
                "deny": str(write.deny),
            }
            for target, write in of.overwrites.items()
        ],
    }


def _direct(of: Channel) -> Json:
    return {"recipients": [user(person) for person in of.recipients if not person.bot]}


def _thread(of: Channel) -> Json:
    assert of.guild is not None
    assert of.parent is not None
    assert of.owner is not None
    return {
        "guild_id": str(of.guild.id),
        "parent_id": str(of.parent.id),
        "owner_id": str(of.owner.id),
        "name": of.name,
        "rate_limit_per_user": 0,
        "message_count": len(of.store),
        "total_message_sent": len(of.store),
        "member_count": 1,
        "thread_metadata": {
            "archived": of.archived,
            "auto_archive_duration": 1440,
            "archive_timestamp": created_at(of.id).isoformat(),
            "create_timestamp": created_at(of.id).isoformat(),
            "locked": False,
        },
    }


def guild(of: Guild) -> Json:
    """What REST tells about a guild."""
    return {
        "id": str(of.id),
        "name": of.name,
        "owner_id": str(of.owner.id),
        "icon": None,
        "splash": None,
        "discovery_splash": None,
        "banner": None,
        "description": None,
        "features": [],
        "emojis": [],
        "stickers": [],
        "roles": [role(item, place) for place, item in enumerate([of.everyone, *of.roles])],
        "region": "local",
        "afk_channel_id": None,
        "afk_timeout": 300,
        "verification_level": 0,
        "default_message_notifications": 1,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw_level": 0,
        "application_id": None,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "public_updates_channel_id": None,
        "vanity_url_code": None,
        "premium_tier": 0,
        "preferred_locale": of.locale,
    }


def guild_by_rest(of: Guild) -> Json:
    """The same with what only REST tells."""
    return guild(of) | {
        "home_header": None,
        "nsfw": False,
        "widget_enabled": False,
        "widget_channel_id": None,
        "max_presences": None,
        "max_members": 500_000,
        "max_stage_video_channel_users": 50,
        "max_video_channel_users": 25,
        "premium_subscription_count": 0,
        "safety_alerts_channel_id": None,
        "premium_progress_bar_enabled": False,
        "incidents_data": None,
    }


def guild_create(of: Guild, bot: User, *, all_members: bool) -> Json:
    """What the gateway tells about a guild; only privileged bots hear of everybody in it."""
    known = list(of.members.values()) if all_members else [of.members[bot.id]]
    return guild(of) | {
        "unavailable": False,
        "joined_at": JOINED,
        "large": False,
        "member_count": len(of.members),
        "members": [member(item) for item in known],
        "channels": [channel(item) for item in of.channels if item.kind == TEXT],
        "threads": [
            channel(item)
            for item in of.channels
            if item.kind in THREADS and not item.archived and in_channel(item, bot)
        ],
        "presences": [],
        "voice_states": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def message(of: Message, *, reader: User, content: bool = True) -> Json:
    """A message as `reader` gets it; `content` is whether it may read what is not meant for it."""
    visible = content or _meant_for(of, reader)
    payload: Json = {
        "id": str(of.id),
        "channel_id": str(of.channel.id),
        "type": 19 if of.reference_id else 20 if of.interaction else 0,
        "author": user(of.author),
        "content": of.content if visible else "",
        "embeds": of.embeds if visible else [],
        "components": of.components if visible else [],
        "attachments": [attachment(file) for file in of.attachments] if visible else [],
        "timestamp": created_at(of.id).isoformat(),
        "edited_timestamp": of.edited.isoformat() if of.edited else None,
        "tts": False,
        "mention_everyone": of.mention_everyone,
        "mentions": [user(person) for person in of.mentions],
        "mention_roles": [str(item.id) for item in of.mention_roles],
        "pinned": False,
        "flags": of.flags,
    }
    return payload | _optional(of) | _referenced(of, reader=reader, content=content)


def attachment(of: Attachment) -> Json:
    """A file as messages and commands describe it."""
    payload: Json = {
        "id": str(of.id),
        "filename": of.name,
        "size": len(of.content),
        "url": of.url,
        "proxy_url": of.url,
    }
    return payload | ({"content_type": of.kind} if of.kind else {})


def _optional(of: Message) -> Json:
    extra: Json = {}
    if of.nonce is not None:
        extra["nonce"] = of.nonce
    if of.webhook_id is not None:
        extra |= {"webhook_id": str(of.webhook_id), "application_id": str(of.webhook_id)}
    if of.interaction is not None:
        extra["interaction_metadata"] = of.interaction
    return extra


def _referenced(of: Message, *, reader: User, content: bool) -> Json:
    if of.reference_id is None:
        return {}
    guild_id = {"guild_id": str(of.channel.guild.id)} if of.channel.guild else {}
    reference = {"type": 0, "message_id": str(of.reference_id), "channel_id": str(of.channel.id)}
    quoted: Json | None = None
    if of.reference is not None and not of.reference.deleted:
        quoted = message(of.reference, reader=reader, content=content)
        # Discord resolves one level only.
        quoted.pop("referenced_message", None)
    return {"message_reference": reference | guild_id, "referenced_message": quoted}


def _meant_for(of: Message, reader: User) -> bool:
    return of.channel.guild is None or of.author is reader or reader in of.mentions


def message_event(of: Message, *, reader: User, content: bool) -> Json:
    """A message as the gateway sends it: REST's form, and where it was said by whom."""
    payload = message(of, reader=reader, content=content) | {"channel_type": of.channel.kind}
    guild = of.channel.guild
    if guild is None:
        return payload
    payload["guild_id"] = str(guild.id)
    if of.author.id in guild.members:
        payload["member"] = member(guild.members[of.author.id], with_user=False)
    for person, entry in zip(of.mentions, payload["mentions"], strict=True):
        if person.id in guild.members:
            entry["member"] = member(guild.members[person.id], with_user=False)
    return payload
