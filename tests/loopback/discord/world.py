"""The state of this Discord: every change is made here, told to the gateway and announced."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from tests.loopback.changes import PATIENCE, Changes
from tests.loopback.discord import payloads
from tests.loopback.discord.drafts import Draft
from tests.loopback.discord.events import (
    CONTENT,
    DM_MESSAGES,
    DM_TYPING,
    GUILD_MESSAGES,
    GUILD_TYPING,
    GUILDS,
    MEMBERS,
    PRESENCES,
    Event,
)
from tests.loopback.discord.ids import Snowflakes
from tests.loopback.discord.mentions import Allowed, Mentions, addressed
from tests.loopback.discord.model import (
    DM,
    PRIVATE_THREAD,
    TEXT,
    THREAD,
    THREADS,
    Attachment,
    Channel,
    Guild,
    Json,
    Member,
    Message,
    Role,
    User,
)
from tests.loopback.discord.people import Person
from tests.loopback.discord.permissions import EVERYONE, VIEW, bits, in_channel
from tests.loopback.timeline import Version

if TYPE_CHECKING:
    from tests.loopback.discord.interactions import Interaction


class World:
    """Everything that exists, and the only hands that change it."""

    def __init__(self, bot_name: str) -> None:
        self.ids = Snowflakes()
        self.changes = Changes()
        self.bot = User(self.ids.next(), bot_name, bot=True)
        self.application_id = self.bot.id
        self.application_flags = 0
        self.patience = PATIENCE
        """Seconds within which an interaction wants its first answer; Discord itself has three."""
        self.largest_file = 10_485_760
        """Bytes that a file of a message may hold."""
        self.nonce_memory = 180.0
        """Seconds in which a second message with the same nonce is the first one again."""
        self.users: dict[int, User] = {self.bot.id: self.bot}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.commands: dict[int, list[Json]] = {}
        self.interactions: dict[str, Interaction] = {}
        self.files: dict[int, Attachment] = {}
        self.files_url = ""
        """Where files are fetched from, up to the path."""
        self.listeners: list[Callable[[Event], None]] = []

    def emit(self, name: str, intents: int, data: Callable[[int], Json]) -> None:
        """Tell the gateway, and wake the tests that wait."""
        for listener in self.listeners:
            listener(Event(name, intents, data))
        self.changes.announce()

    # Guilds

    def create_guild(self, name: str) -> Guild:
        """A guild with an owner, into which the bot was invited with the usual permissions."""
        guild_id = self.ids.next()
        owner = self.register(f"owner of {name}")
        guild = Guild(self, guild_id, name, owner, Role(guild_id, "@everyone", EVERYONE))
        guild.members[owner.id] = Member(owner)
        managed = Role(self.ids.next(), self.bot.name, bits(["view_channel", "send_messages"]))
        managed.of_bot = self.bot
        guild.roles.append(managed)
        guild.members[self.bot.id] = Member(self.bot, roles=[managed])
        self.guilds[guild_id] = guild
        self.emit("GUILD_CREATE", GUILDS, lambda intents: self.guild_create(guild, intents))
        return guild

    def guild_create(self, guild: Guild, intents: int) -> Json:
        """The gateway's description of a guild for a session with these intents."""
        everybody = bool(intents & MEMBERS and intents & PRESENCES)
        return payloads.guild_create(guild, self.bot, all_members=everybody)

    def register(self, name: str, *, bot: bool = False) -> User:
        """A new account."""
        user = User(self.ids.next(), name, bot)
        self.users[user.id] = user
        return user

    def stranger(self, name: str) -> Person:
        """Somebody without a guild in common with the bot."""
        return Person(self, self.register(name))

    def join(self, guild: Guild, name: str, member: Member) -> Person:
        """Register a new account and make it a member."""
        user = member.user = self.register(name, bot=member.user.bot)
        guild.members[user.id] = member
        joined = payloads.member(member) | {"guild_id": str(guild.id)}
        self.emit("GUILD_MEMBER_ADD", MEMBERS, lambda _: joined)
        return Person(self, user)

    def create_role(self, guild: Guild, name: str, granted: int, *, mentionable: bool) -> Role:
        """A new role at the top of the list."""
        role = Role(self.ids.next(), name, granted, mentionable)
        guild.roles.append(role)
        payload = {"guild_id": str(guild.id), "role": payloads.role(role, len(guild.roles))}
        self.emit("GUILD_ROLE_CREATE", GUILDS, lambda _: payload)
        return role

    def leave(self, guild: Guild) -> None:
        """The bot is removed from a guild."""
        del self.guilds[guild.id]
        for channel in guild.channels:
            del self.channels[channel.id]
        self.emit("GUILD_DELETE", GUILDS, lambda _: {"id": str(guild.id)})

    # Channels

    def create_channel(self, guild: Guild, name: str) -> Channel:
        """A new text channel."""
        channel = self._keep(Channel(self, self.ids.next(), TEXT, name, guild))
        self.emit("CHANNEL_CREATE", GUILDS, lambda _: payloads.channel(channel))
        return channel

    def create_thread(
        self,
        parent: Channel,
        name: str,
        owner: User,
        *,
        thread_id: int | None = None,
        private: bool = False,
    ) -> Channel:
        """A new thread; one that hangs on a message has that message's id."""
        kind = PRIVATE_THREAD if private else THREAD
        new = Channel(self, thread_id or self.ids.next(), kind, name, parent.guild, parent, owner)
        new.recipients += [owner, self.bot] if private else []
        thread = self._keep(new)
        if self.sees(thread):
            created = payloads.channel(thread) | {"newly_created": True}
            self.emit("THREAD_CREATE", GUILDS, lambda _: created)
        return thread

    def archive(self, thread: Channel) -> None:
        """Archive a thread."""
        thread.archived = True
        self.emit("THREAD_UPDATE", GUILDS, lambda _: payloads.channel(thread))

    def direct(self, user: User) -> Channel:
        """The DM between a person and the bot."""
        for channel in self.channels.values():
            if channel.kind == DM and user in channel.recipients:
                return channel
        return self._keep(Channel(self, self.ids.next(), DM, recipients=[user, self.bot]))

    def _keep(self, channel: Channel) -> Channel:
        self.channels[channel.id] = channel
        if channel.guild is not None:
            channel.guild.channels.append(channel)
        return channel

    def channel_changed(self, channel: Channel) -> None:
        """Tell of new permission overwrites."""
        self.emit("CHANNEL_UPDATE", GUILDS, lambda _: payloads.channel(channel))

    def remove_channel(self, channel: Channel) -> None:
        """Delete a channel or thread with all that was said in it."""
        del self.channels[channel.id]
        payload = payloads.channel(channel)
        if channel.guild is not None:
            channel.guild.channels.remove(channel)
        name = "THREAD_DELETE" if channel.kind in THREADS else "CHANNEL_DELETE"
        self.emit(name, GUILDS, lambda _: payload)

    def sees(self, channel: Channel) -> bool:
        """Whether the bot may know of what happens in a channel."""
        return bool(in_channel(channel, self.bot) & VIEW)

    def types(self, channel: Channel, user: User) -> None:
        """Somebody begins to write."""
        if user is self.bot:
            channel.typing.append(time.monotonic())
        payload = {
            "channel_id": str(channel.id),
            "user_id": str(user.id),
            "timestamp": int(time.time()),
        }
        if channel.guild is not None:
            payload["guild_id"] = str(channel.guild.id)
        intents = GUILD_TYPING if channel.guild else DM_TYPING
        self.emit("TYPING_START", intents, lambda _: payload)

    # Messages

    def post(self, channel: Channel, author: User, draft: Draft) -> Message:
        """Say something; an ephemeral message is kept by its interaction alone."""
        message = self.compose(channel, author, draft)
        if not message.ephemeral:
            channel.archived = False
            channel.store[message.id] = message
            self.tell("MESSAGE_CREATE", message)
        self.changes.announce()
        return message

    def compose(self, channel: Channel, author: User, draft: Draft) -> Message:
        """The message that a draft becomes."""
        message = Message(
            id=self.ids.next(),
            channel=channel,
            author=author,
            content=draft.content,
            reference=draft.reference,
            reference_id=draft.reference_id,
            nonce=draft.nonce,
            flags=draft.flags,
            embeds=draft.embeds,
            components=draft.components,
            attachments=draft.attachments,
            interaction=draft.interaction,
            webhook_id=self.application_id if draft.interaction else None,
            timeline=[Version(time.monotonic(), draft.content)],
        )
        self._address(message, draft.allowed)
        return message

    def attach(
        self, channel: Channel, name: str, content: bytes, kind: str | None = None
    ) -> Attachment:
        """A file that is ready to be sent to a channel."""
        number = self.ids.next()
        url = f"{self.files_url}/attachments/{channel.id}/{number}/{name}"
        file = self.files[number] = Attachment(number, name, content, url, kind)
        return file

    def rewrite(self, message: Message, content: str, allowed: Allowed | None = None) -> None:
        """Change what a message says."""
        message.rewrite(content)
        message.edited = datetime.now(UTC)
        self._address(message, allowed or Allowed(None))
        self.updated(message)

    def updated(self, message: Message) -> None:
        """Tell that a message has changed."""
        if not message.ephemeral:
            self.tell("MESSAGE_UPDATE", message)
        self.changes.announce()

    def remove(self, *messages: Message) -> None:
        """Delete messages of one channel; more than one at once is a bulk deletion."""
        channel = messages[0].channel
        for message in messages:
            message.deleted = True
            channel.store.pop(message.id, None)
        payload: Json = {"channel_id": str(channel.id)}
        if channel.guild is not None:
            payload["guild_id"] = str(channel.guild.id)
        name = "MESSAGE_DELETE" if len(messages) == 1 else "MESSAGE_DELETE_BULK"
        ids = [str(message.id) for message in messages]
        payload |= {"id": ids[0]} if len(ids) == 1 else {"ids": ids}
        if self.sees(channel):
            self.emit(name, GUILD_MESSAGES if channel.guild else DM_MESSAGES, lambda _: payload)

    def tell(self, name: str, message: Message) -> None:
        """Send a message event to those sessions that may have it."""
        if not self.sees(message.channel):
            return

        def data(intents: int) -> Json:
            content = bool(intents & CONTENT)
            return payloads.message_event(message, reader=self.bot, content=content)

        self.emit(name, GUILD_MESSAGES if message.channel.guild else DM_MESSAGES, data)

    def _address(self, message: Message, allowed: Allowed) -> None:
        mentions: Mentions = addressed(
            message.content,
            author=message.author,
            channel=message.channel,
            users=self.users,
            allowed=allowed,
            answers=message.reference,
        )
        message.mentions = mentions.users
        message.mention_roles = mentions.roles
        message.mention_everyone = mentions.everyone
        message.pings |= mentions.pings
