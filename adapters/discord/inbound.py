"""A Discord message as an Inbound, or nothing where it is not for the bot."""

from __future__ import annotations

from functools import partial
from typing import Any

import discord

from adapters.discord.markup import Names, readable, without_mention
from adapters.discord.places import place_of
from bot.values import Author, Inbound, Standing

SPOKEN = frozenset({discord.MessageType.default, discord.MessageType.reply})
QUOTED_CHARACTERS = 300


def inbound_of(
    message: discord.Message, me: discord.abc.User, channel: Any = None
) -> Inbound | None:
    """What a person said to the bot; `channel` where the message's own is not known enough."""
    channel = channel or message.channel
    place = place_of(channel)
    if place is None or not addressed(message, me):
        return None
    return Inbound(
        place=place,
        author=author_of(message.author, channel),
        text=text_of(message, me),
        message_id=str(message.id),
        said_at=message.created_at,
    )


def said_by_person(message: discord.Message) -> bool:
    """Whether a person wrote this: no bot, no webhook, nothing that Discord announced."""
    return not message.author.bot and message.webhook_id is None and message.type in SPOKEN


def addressed(message: discord.Message, me: discord.abc.User) -> bool:
    """Whether a person turned to the bot: by a mention, a reply, or in private."""
    if not said_by_person(message):
        return False
    private = isinstance(message.channel, discord.DMChannel)
    if private or any(user.id == me.id for user in message.mentions):
        return True
    answered = _answered(message)
    # Without a ping and without the message-content intent, the words of a reply stay hidden.
    return answered is not None and answered.author.id == me.id and bool(message.content)


def author_of(person: discord.abc.User, channel: Any) -> Author:
    """The person, with the standing that Discord's permissions give them in the channel."""
    return Author(str(person.id), person.display_name, _standing(person, channel))


def _standing(person: discord.abc.User, channel: Any) -> Standing:
    if isinstance(channel, discord.DMChannel):
        return Standing.ADMIN
    if isinstance(channel, discord.Thread):
        channel = channel.parent
    if not isinstance(person, discord.Member) or channel is None:
        return Standing.MEMBER
    manages = channel.permissions_for(person).manage_channels
    return Standing.ADMIN if manages else Standing.MEMBER


def text_of(message: discord.Message, me: discord.abc.User) -> str:
    """The words with their markup undone, under a short quote of what they refer to."""
    said = without_mention(message.content, me.id, me.display_name)
    said = readable(said, _names(message)).strip()
    answered = _answered(message)
    if answered is None or answered.author.id == me.id or not answered.content:
        return said
    return f"{_quote(answered)}\n{said}".rstrip()


def _answered(message: discord.Message) -> discord.Message | None:
    reference = message.reference
    if reference is None or not isinstance(reference.resolved, discord.Message):
        return None
    return reference.resolved


def _quote(message: discord.Message) -> str:
    words = readable(message.content, _names(message)).strip()
    if len(words) > QUOTED_CHARACTERS:
        words = words[:QUOTED_CHARACTERS].rstrip() + "…"
    return "\n".join(f"> {line}" for line in f"{message.author.display_name}: {words}".split("\n"))


def _names(message: discord.Message) -> Names:
    people = {person.id: person.display_name for person in message.mentions}
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
    return found.name if found is not None else None


def _nobody(_: int) -> str | None:
    return None
