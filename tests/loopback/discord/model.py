"""The nouns of this Discord: users, roles, guilds, channels and messages with their history."""

# ruff: noqa: ASYNC109 - tests say how long they are ready to wait

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from tests.loopback.changes import PATIENCE
from tests.loopback.discord.permissions import bits
from tests.loopback.timeline import Version

if TYPE_CHECKING:
    from tests.loopback.discord.people import Person
    from tests.loopback.discord.world import World

T = TypeVar("T")
Json = dict[str, Any]

TEXT, DM, THREAD, PRIVATE_THREAD = 0, 1, 11, 12
THREADS = {THREAD, PRIVATE_THREAD}
EPHEMERAL, LOADING = 1 << 6, 1 << 7


@dataclass(eq=False)
class User:
    """An account, of a person or of a bot."""

    id: int
    name: str
    bot: bool = False
    takes_dms: bool = True

    @property
    def mention(self) -> str:
        """The markup that mentions this user."""
        return f"<@{self.id}>"


@dataclass(eq=False)
class Role:
    """What members have in common in one guild."""

    id: int
    name: str
    permissions: int = 0
    mentionable: bool = False
    of_bot: User | None = None
    """The bot that was given this role when it was invited."""

    @property
    def mention(self) -> str:
        """The markup that mentions everybody who has the role."""
        return f"<@&{self.id}>"


@dataclass(eq=False)
class Member:
    """A user in a guild."""

    user: User
    nick: str | None = None
    roles: list[Role] = field(default_factory=list)


@dataclass
class Overwrite:
    """What one channel allows and denies to a role or a member."""

    allow: int = 0
    deny: int = 0


@dataclass(eq=False)
class Guild:
    """A server with its members and channels."""

    world: World = field(repr=False)
    id: int
    name: str
    owner: User
    everyone: Role
    locale: str = "en-US"
    roles: list[Role] = field(default_factory=list)
    members: dict[int, Member] = field(default_factory=dict)
    channels: list[Channel] = field(default_factory=list)

    def channel(self, name: str) -> Channel:
        """A new text channel that everybody can read and write in."""
        return self.world.create_channel(self, name)

    def role(self, name: str, *, mentionable: bool = False, **permissions: bool) -> Role:
        """A new role; permissions by discord.py's names, as in `manage_channels=True`."""
        granted = bits(name for name, given in permissions.items() if given)
        return self.world.create_role(self, name, granted, mentionable=mentionable)

    def member(
        self,
        name: str,
        *,
        nick: str | None = None,
        roles: Sequence[Role] = (),
        bot: bool = False,
        **permissions: bool,
    ) -> Person:
        """A new person in this guild, with permissions of their own on top of everybody's."""
        own = [*roles]
        if any(permissions.values()):
            own.append(self.role(f"{name}'s", **permissions))
        return self.world.join(self, name, Member(User(0, name, bot), nick, own))


@dataclass(frozen=True)
class Attachment:
    """A file of a message, and where it is fetched from."""

    id: int
    name: str
    content: bytes = field(repr=False)
    url: str
    kind: str | None = None


@dataclass(eq=False)
class Message:
    """A message, with everything it ever said and everybody whom it pinged."""

    id: int
    channel: Channel = field(repr=False)
    author: User
    content: str
    reference: Message | None = field(default=None, repr=False)
    reference_id: int | None = None
    nonce: str | int | None = None
    flags: int = 0
    embeds: list[Json] = field(default_factory=list, repr=False)
    components: list[Json] = field(default_factory=list, repr=False)
    attachments: list[Attachment] = field(default_factory=list, repr=False)
    mentions: list[User] = field(default_factory=list, repr=False)
    mention_roles: list[Role] = field(default_factory=list, repr=False)
    mention_everyone: bool = False
    webhook_id: int | None = None
    interaction: Json | None = field(default=None, repr=False)
    pings: set[str] = field(default_factory=set)
    reactions: list[str] = field(default_factory=list)
    timeline: list[Version] = field(default_factory=list, repr=False)
    edited: datetime | None = None
    deleted: bool = False
    fixed: str = ""
    """The error with which a change of this message is refused from now on."""
    lasting: bool = False
    """Whether not even deleting it is possible."""

    @property
    def ephemeral(self) -> bool:
        """Whether only one person sees it."""
        return bool(self.flags & EPHEMERAL)

    @property
    def edits(self) -> int:
        """How often it was edited."""
        return len(self.timeline) - 1

    def rewrite(self, content: str) -> None:
        """Say something else from now on."""
        self.content = content
        self.timeline.append(Version(time.monotonic(), content))


@dataclass(eq=False)
class Channel:
    """A text channel, a thread or a DM.

    A DM and a private thread have recipients: nobody else sees a DM, and a private thread only who
    may manage threads.
    """

    world: World = field(repr=False)
    id: int
    kind: int
    name: str = ""
    guild: Guild | None = field(default=None, repr=False)
    parent: Channel | None = field(default=None, repr=False)
    owner: User | None = None
    recipients: list[User] = field(default_factory=list)
    overwrites: dict[int, Overwrite] = field(default_factory=dict)
    store: dict[int, Message] = field(default_factory=dict, repr=False)
    typing: list[float] = field(default_factory=list, repr=False)
    archived: bool = False
    """A thread in which nobody has written for a day; a guild does not list it."""

    @property
    def messages(self) -> list[Message]:
        """All messages, oldest first."""
        return list(self.store.values())

    @property
    def from_bot(self) -> list[Message]:
        """The messages of the bot under test, oldest first."""
        return [m for m in self.store.values() if m.author is self.world.bot]

    async def wait_for(
        self, look: Callable[[list[Message]], T | None], timeout: float = PATIENCE
    ) -> T:
        """What `look` makes of the messages, once that is truthy."""
        return await self.world.changes.until(
            lambda: look(self.messages),
            timeout,
            lambda: repr([(m.author.name, m.content) for m in self.messages]),
        )

    async def wait_for_typing(self, timeout: float = PATIENCE) -> None:
        """Until the bot has shown once more that it is typing."""
        seen = len(self.typing)
        await self.world.changes.until(
            lambda: len(self.typing) > seen, timeout, lambda: f"{seen} typing requests"
        )

    def deny(self, who: User | Role, *permissions: str) -> None:
        """Take permissions from a user or role in this channel."""
        self._overwrite(who).deny |= bits(permissions)
        self.world.channel_changed(self)

    def allow(self, who: User | Role, *permissions: str) -> None:
        """Give permissions to a user or role in this channel."""
        overwrite = self._overwrite(who)
        overwrite.allow |= bits(permissions)
        overwrite.deny &= ~bits(permissions)
        self.world.channel_changed(self)

    def thread(self, name: str, *, owner: User | None = None) -> Channel:
        """A new public thread."""
        return self.world.create_thread(self, name, owner or self.world.bot)

    def private_thread(self, name: str, *, owner: User) -> Channel:
        """A new private thread of its owner with the bot."""
        return self.world.create_thread(self, name, owner, private=True)

    def archive(self) -> None:
        """Nobody has written in this thread for a long time."""
        self.world.archive(self)

    def _overwrite(self, who: User | Role) -> Overwrite:
        return self.overwrites.setdefault(who.id, Overwrite())
