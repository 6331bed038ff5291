"""The nouns of this Slack: users, workspaces, channels and messages with their history."""

# ruff: noqa: ASYNC109 - tests say how long they are ready to wait

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from tests.loopback.changes import PATIENCE
from tests.loopback.timeline import Version

if TYPE_CHECKING:
    from tests.loopback.slack.agents import Status
    from tests.loopback.slack.people import Person
    from tests.loopback.slack.streams import Stream
    from tests.loopback.slack.world import World

T = TypeVar("T")
Json = dict[str, Any]

PUBLIC, PRIVATE, DM, GROUP_DM = "public_channel", "private_channel", "im", "mpim"


@dataclass(eq=False)
class User:
    """An account in one workspace, of a person or of a bot.

    `home` is another organisation's team, for who is only here by a shared channel.
    """

    id: str
    name: str
    workspace: Workspace = field(repr=False)
    admin: bool = False
    owner: bool = False
    primary_owner: bool = False
    guest: bool = False
    bot_id: str = ""
    locale: str = "en-US"
    home: str = ""

    @property
    def mention(self) -> str:
        """The markup that mentions this user."""
        return f"<@{self.id}>"


@dataclass(eq=False)
class Workspace:
    """A team with its people and channels, and the app installed in it or not."""

    world: World = field(repr=False)
    id: str
    name: str
    bot_token: str
    enterprise_id: str | None = None
    org_wide: bool = False
    installed: bool = True
    scopes: set[str] = field(default_factory=set, repr=False)
    """What was granted to the app; taken away here, a call fails but is not counted as wrong."""
    users: dict[str, User] = field(default_factory=dict, repr=False)
    channels: dict[str, Channel] = field(default_factory=dict, repr=False)
    groups: dict[str, set[User]] = field(default_factory=dict, repr=False)
    """User groups by id."""
    bot: User = field(init=False, repr=False)

    def channel(self, name: str, *, private: bool = False, bot: bool = True) -> Channel:
        """A new channel with everybody in it; `bot` says whether the bot was invited."""
        return self.world.create_channel(self, name, PRIVATE if private else PUBLIC, bot=bot)

    def group_dm(self, *people: Person) -> Channel:
        """A conversation of several people and the bot."""
        channel = self.world.create_channel(self, "mpdm", GROUP_DM)
        channel.members = {self.bot, *(person.user for person in people)}
        return channel

    def group(self, *people: Person) -> str:
        """A new user group; its id."""
        group = self.world.ids.next("S")
        self.groups[group] = {person.user for person in people}
        return group

    def member(
        self,
        name: str,
        *,
        admin: bool = False,
        owner: bool = False,
        primary_owner: bool = False,
        guest: bool = False,
        bot: bool = False,
        locale: str = "en-US",
    ) -> Person:
        """Somebody new in this workspace; with `bot`, another app."""
        bot_id = self.world.ids.next("B") if bot else ""
        user = User(
            self.world.ids.next("W" if self.enterprise_id else "U"), name, self, bot_id=bot_id
        )
        user.admin, user.owner = admin or owner or primary_owner, owner or primary_owner
        user.primary_owner, user.guest, user.locale = primary_owner, guest, locale
        return self.world.join(self, user)


@dataclass(eq=False)
class Upload:
    """A file, where it lies, and who may read it."""

    id: str
    name: str
    content: bytes = field(repr=False)
    mimetype: str = "text/plain"
    url: str = ""
    bare: bool = False
    """Whether messages name no more than its id, as they do of other organisations' files."""
    workspace: Workspace | None = field(default=None, repr=False)
    deleted: bool = False


@dataclass(eq=False)
class Message:
    """A message, with everything it ever said and everybody whom it pinged.

    `content` is what people read: the text, the Markdown, or a stream as far as it has come.
    """

    ts: str
    channel: Channel = field(repr=False)
    author: User
    content: str
    root: Message | None = field(default=None, repr=False)
    fallback: str = field(default="", repr=False)
    """What notifications say, where blocks say it better."""
    blocks: list[Json] = field(default_factory=list, repr=False)
    metadata: Json | None = field(default=None, repr=False)
    files: list[Upload] = field(default_factory=list, repr=False)
    markdown: bool = False
    hidden_from_all_but: User | None = None
    stream: Stream | None = None
    pings: set[str] = field(default_factory=set)
    reactions: set[str] = field(default_factory=set)
    timeline: list[Version] = field(default_factory=list, repr=False)
    edited: bool = False
    deleted: bool = False
    fixed: str = ""
    """The error with which a change of this message is refused from now on."""
    lasting: bool = False
    """Whether not even deleting it is possible."""

    @property
    def id(self) -> str:
        """Its timestamp, which is its id within the channel."""
        return self.ts

    @property
    def thread_ts(self) -> str:
        """The timestamp of the message at whose head its thread stands, itself perhaps."""
        return (self.root or self).ts

    @property
    def ephemeral(self) -> bool:
        """Whether only one person sees it."""
        return self.hidden_from_all_but is not None

    @property
    def edits(self) -> int:
        """How often it was changed, appended text included."""
        return len(self.timeline) - 1

    def rewrite(self, content: str, at: float) -> None:
        """Say something else from now on."""
        self.content = content
        self.timeline.append(Version(at, content))


@dataclass(eq=False)
class Channel:
    """A channel, a DM or a group DM."""

    workspace: Workspace = field(repr=False)
    id: str
    kind: str
    name: str = ""
    members: set[User] | None = field(default=None, repr=False)
    bot_is_in: bool = True
    store: dict[str, Message] = field(default_factory=dict, repr=False)
    ephemerals: list[Message] = field(default_factory=list, repr=False)
    statuses: list[Status] = field(default_factory=list, repr=False)
    """Every status that the bot has set here ("is thinking…"), empty ones included."""
    prompts: list[Json] = field(default_factory=list, repr=False)
    """What was suggested last: title and prompts."""
    titles: dict[str, str] = field(default_factory=dict, repr=False)
    sessions: dict[str, str] = field(default_factory=dict, repr=False)
    """The state of each agent session, by thread."""

    @property
    def private(self) -> bool:
        """Whether it is a conversation of one person with the bot."""
        return self.kind == DM

    @property
    def messages(self) -> list[Message]:
        """All messages, replies in threads included, oldest first."""
        return list(self.store.values())

    @property
    def from_bot(self) -> list[Message]:
        """The messages of the bot under test, oldest first."""
        return [m for m in self.store.values() if m.author is self.workspace.bot]

    def thread(self, root: Message) -> list[Message]:
        """The replies below a message, oldest first."""
        return [m for m in self.store.values() if m.root is root]

    def status(self, root: Message) -> str:
        """What the bot shows to be doing in a thread at this moment."""
        own = [status for status in self.statuses if status.thread_ts == root.thread_ts]
        return own[-1].shown(self.workspace.world.clock.now()) if own else ""

    async def wait_for(
        self, look: Callable[[list[Message]], T | None], timeout: float = PATIENCE
    ) -> T:
        """What `look` makes of the messages, once that is truthy."""
        return await self.workspace.world.changes.until(
            lambda: look(self.messages),
            timeout,
            lambda: repr([(m.author.name, m.content) for m in self.messages]),
        )

    async def wait_for_status(self, text: str, timeout: float = PATIENCE) -> Status:
        """A status with this in it, as soon as the bot has set one."""
        return await self.workspace.world.changes.until(
            lambda: next((s for s in reversed(self.statuses) if text in s.text), None),
            timeout,
            lambda: repr(self.statuses),
        )

    async def wait_for_prompts(self, timeout: float = PATIENCE) -> Json:
        """The newest suggestions, once the bot has made any."""
        found = await self.workspace.world.changes.until(
            lambda: self.prompts, timeout, lambda: "no suggested prompts"
        )
        return found[-1]
