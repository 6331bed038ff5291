"""A Discord message as an Inbound, or nothing where it is not for the bot."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import Any

import discord

from adapters.discord.markup import Names, readable, without_mention
from adapters.discord.places import place_of, standing_of
from adapters.discord.threads import opened_by
from bot import plain
from bot.control.records import Behaviour
from bot.values import Author, Inbound, Standing

SPOKEN = frozenset({discord.MessageType.default, discord.MessageType.reply})
QUOTED_CHARACTERS = 300


def inbound_of(
    message: discord.Message,
    me: discord.abc.User,
    channel: Any = None,
    *,
    behaviour: Behaviour | None = None,
    admin_roles: Collection[str] = (),
) -> Inbound | None:
    """What somebody said to the bot; `channel` where the message's own is not known enough.

    Unless they turned to it, it is theirs to hear only where it answers everything, or in a thread
    of its own. Other bots are heard where the Place wants them.
    """
    channel = channel or message.channel
    behaviour = behaviour or Behaviour()
    place = place_of(channel)
    if place is None or not spoken(message, me):
        return None
    if message.author.bot and not behaviour.bots:
        return None
    mentioned = addressed(message, me) or (visible(message) and opened_by(channel, me))
    if not mentioned and not (behaviour.when == "always" and visible(message)):
        return None
    return Inbound(
        place=place,
        author=author_of(message.author, channel, admin_roles),
        text=text_of(message, me),
        message_id=str(message.id),
        said_at=message.created_at,
        mentioned=mentioned,
        locale=str(message.guild.preferred_locale) if message.guild else "",
        channel_name=_channel_name(channel),
        workspace_name=message.guild.name if message.guild else "",
        quoted=str(quoted.author.id) if (quoted := _quoted(message, me)) else "",
    )


def spoken(message: discord.Message, me: discord.abc.User) -> bool:
    """Whether somebody else wrote this: no webhook, nothing that Discord announced."""
    own = message.author.id == me.id
    return not own and message.webhook_id is None and message.type in SPOKEN


def said_by_person(message: discord.Message) -> bool:
    """Whether a person wrote this: no bot, no webhook, nothing that Discord announced."""
    return not message.author.bot and message.webhook_id is None and message.type in SPOKEN


def visible(message: discord.Message) -> bool:
    """Whether Discord lets the bot see what the message holds."""
    return bool(message.content or message.attachments)


def addressed(message: discord.Message, me: discord.abc.User) -> bool:
    """Whether somebody turned to the bot: by a mention, a reply, or in private."""
    if not spoken(message, me):
        return False
    private = isinstance(message.channel, discord.DMChannel)
    if private or any(user.id == me.id for user in message.mentions):
        return True
    if (role := _own_role(message)) and any(one.id == role.id for one in message.role_mentions):
        return visible(message)
    answered = _answered(message)
    # Without a ping and without the message-content intent, the words of a reply stay hidden.
    return answered is not None and answered.author.id == me.id and visible(message)


def author_of(person: discord.abc.User, channel: Any, admin_roles: Collection[str] = ()) -> Author:
    """Who it was, with the standing that Discord's permissions give them in the channel."""
    roles = tuple(str(role.id) for role in getattr(person, "roles", ()))
    admin = frozenset(admin_roles).intersection(roles)
    return Author(str(person.id), person.display_name, _standing(person, channel, admin), roles)


def _standing(person: discord.abc.User, channel: Any, admin_roles: Collection[str]) -> Standing:
    if person.bot:
        return Standing.BOT
    if isinstance(channel, discord.DMChannel):
        return Standing.ADMIN
    if isinstance(channel, discord.Thread):
        channel = channel.parent
    if not isinstance(person, discord.Member) or channel is None:
        return Standing.MEMBER
    return standing_of(channel.permissions_for(person), admin_roles)


def _channel_name(channel: Any) -> str:
    """What people call the channel, also in its threads; a direct message has no name."""
    if isinstance(channel, discord.Thread):
        channel = channel.parent
    return getattr(channel, "name", "")


def _own_role(message: discord.Message) -> discord.Role | None:
    """The role that Discord gave the bot when it was invited; people mention it by mistake."""
    return message.guild.self_role if message.guild else None


def text_of(message: discord.Message, me: discord.abc.User) -> str:
    """The words with their markup undone, under a short quote of what they refer to."""
    content = message.content
    if role := _own_role(message):
        content = content.replace(role.mention, f"<@{me.id}>")
    said = without_mention(content, me.id, me.display_name)
    said = readable(said, _names(message)).strip()
    quoted = _quoted(message, me)
    return f"{_quote(quoted)}\n{said}".rstrip() if quoted else said


def _quoted(message: discord.Message, me: discord.abc.User) -> discord.Message | None:
    """What somebody else said that this refers to, as far as the bot may see it."""
    answered = _answered(message)
    if answered is None or answered.author.id == me.id or not answered.content:
        return None
    return answered


def _answered(message: discord.Message) -> discord.Message | None:
    reference = message.reference
    if reference is None or not isinstance(reference.resolved, discord.Message):
        return None
    return reference.resolved


def _quote(message: discord.Message) -> str:
    words = readable(message.content, _names(message)).strip()
    if len(words) > QUOTED_CHARACTERS:
        words = words[:QUOTED_CHARACTERS].rstrip() + "…"
    author = plain.name(message.author.display_name)
    return "\n".join(f"> {line}" for line in plain.text(f"{author}: {words}").split("\n"))


def _names(message: discord.Message) -> Names:
    people = {person.id: plain.name(person.display_name) for person in message.mentions}
    guild = message.guild
    if guild is None:
        return Names(people.get, _nobody, _nobody)
    return Names(
        user=people.get,
        role=partial(_name, guild.get_role),
        channel=partial(_name, guild.get_channel_or_thread),
    )


def _name(find: Any, number: int) -> str | None:
    found = find(number)
    return plain.name(found.name) if found is not None else None


def _nobody(_: int) -> str | None:
    return None
