"""The state of this Slack: every change is made here, told to the app and announced."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.loopback.changes import PATIENCE, Changes
from tests.loopback.slack import payloads
from tests.loopback.slack.agents import clear_status
from tests.loopback.slack.clock import Clock
from tests.loopback.slack.drafts import Draft, Event, texts
from tests.loopback.slack.ids import Ids
from tests.loopback.slack.mentions import pings
from tests.loopback.slack.model import DM, Channel, Json, Message, User, Workspace
from tests.loopback.slack.people import Person
from tests.loopback.slack.scopes import EVENTS, SCOPES
from tests.loopback.timeline import Version

if TYPE_CHECKING:
    from tests.loopback.slack.installing import Grants
    from tests.loopback.slack.interactions import Desk
    from tests.loopback.slack.uploads import Uploads
    from tests.loopback.slack.views import Views


@dataclass
class App:
    """The app as it stands in its settings: credentials, scopes asked for, events wanted."""

    id: str
    name: str
    scopes: frozenset[str] = SCOPES
    events: set[str] = field(default_factory=lambda: set(EVENTS))
    client_id: str = "111.222"
    client_secret: str = "loopback-client-secret"
    signing_secret: str = "loopback-signing-secret"
    app_token: str = "xapp-1-loopback"
    verification_token: str = "loopback-verification"


class World:
    """Everything that exists, and the only hands that change it."""

    desk: Desk
    views: Views
    grants: Grants
    uploads: Uploads

    def __init__(self, app_name: str, scopes: frozenset[str]) -> None:
        self.ids = Ids()
        self.clock = Clock()
        self.changes = Changes()
        self.app = App(self.ids.next("A"), app_name, scopes)
        self.patience = PATIENCE / 3
        """Seconds within which it wants an acknowledgement; Slack itself has three.

        What was lost with its line is sent again then, and tests wait longer for it.
        """
        self.stream_lifetime = 300.0
        self.workspaces: dict[str, Workspace] = {}
        self.listeners: list[Callable[[Event], None]] = []

    def tell(self, *events: Event) -> None:
        """Tell the app, in any order as Slack does, and wake the tests that wait."""
        for event in random.sample(events, len(events)):
            for listener in self.listeners:
                listener(event)
        self.changes.announce()

    # Workspaces

    def create_workspace(
        self, name: str, *, enterprise_id: str | None, org_wide: bool, installed: bool
    ) -> Workspace:
        """A new team; installed means that the app has its token and all it asked for."""
        team = self.ids.next("T")
        token = f"xoxb-{team}-loopback"
        workspace = Workspace(self, team, name, token, enterprise_id, org_wide, installed)
        workspace.scopes = set(self.app.scopes)
        workspace.bot = User(
            self.ids.next("U"), self.app.name, workspace, bot_id=self.ids.next("B")
        )
        workspace.users[workspace.bot.id] = workspace.bot
        self.workspaces[team] = workspace
        return workspace

    def uninstall(self, workspace: Workspace) -> None:
        """Take the app out of a workspace: its tokens die first, then it is told."""
        revoked = {"oauth": [], "bot": [workspace.bot.id]}
        self.tell(
            Event(workspace, "tokens_revoked", {"type": "tokens_revoked", "tokens": revoked}),
            Event(workspace, "app_uninstalled", {"type": "app_uninstalled"}),
        )
        workspace.installed = False

    def join(self, workspace: Workspace, user: User) -> Person:
        """Somebody becomes a member."""
        workspace.users[user.id] = user
        return self.person(user)

    def person(self, user: User) -> Person:
        """Whoever uses an account."""
        return Person(self, user)

    def by_token(self, token: str) -> Workspace | None:
        """Whose bot token this is."""
        return next((w for w in self.workspaces.values() if w.bot_token == token), None)

    # Channels

    def create_channel(
        self, workspace: Workspace, name: str, kind: str, *, bot: bool = True
    ) -> Channel:
        """A new conversation."""
        channel = Channel(workspace, self.ids.next("C"), kind, name, bot_is_in=bot)
        workspace.channels[channel.id] = channel
        return channel

    def direct(self, user: User) -> Channel:
        """The DM between a person and the bot."""
        workspace = user.workspace
        for channel in workspace.channels.values():
            if channel.kind == DM and user in (channel.members or ()):
                return channel
        channel = Channel(workspace, self.ids.next("D"), DM, members={user, workspace.bot})
        workspace.channels[channel.id] = channel
        return channel

    # Messages

    def post(self, channel: Channel, author: User, draft: Draft) -> Message:
        """Say something; what only one person sees is told to nobody else."""
        message = self._compose(channel, author, draft)
        if message.ephemeral:
            channel.ephemerals.append(message)
        else:
            channel.store[message.ts] = message
            if author is channel.workspace.bot:
                clear_status(channel, message.thread_ts, self.clock.now())
            self.tell(*self.said(message))
        self.changes.announce()
        return message

    def said(self, message: Message) -> list[Event]:
        """The events of a message: one, or two if it mentions the bot among others."""
        channel = message.channel
        workspace = channel.workspace
        if not channel.bot_is_in:
            return []
        body = payloads.message_event(message)
        events = [Event(workspace, payloads.SUBSCRIPTIONS[channel.kind], body, message)]
        if workspace.bot.mention in message.content and channel.kind != DM:
            body = payloads.app_mention(message)
            events.append(Event(workspace, "app_mention", body, message))
        return events

    def rewrite(self, message: Message, content: str, *, link_names: bool = False) -> None:
        """Change what a message says, and tell it as an edit."""
        before = payloads.message(message)
        message.edited = True
        self.grow(message, content, link_names=link_names)
        self.changed(message, before)

    def grow(self, message: Message, content: str, *, link_names: bool = False) -> None:
        """Change what a message says without a word, as appending to a stream does."""
        message.rewrite(content, self.clock.now())
        users = message.channel.workspace.users
        message.pings |= pings(_everything(message), users, link_names=link_names)
        self.changes.announce()

    def changed(self, message: Message, before: Json) -> None:
        """Tell that a message is no longer what it was."""
        body = payloads.message_changed(message, before, self.ids.timestamp())
        self._tell_about(message, body)

    def remove(self, message: Message) -> None:
        """Delete a message."""
        message.deleted = True
        message.channel.store.pop(message.ts, None)
        self._tell_about(message, payloads.message_deleted(message, self.ids.timestamp()))

    def _tell_about(self, message: Message, body: Json) -> None:
        channel = message.channel
        if channel.bot_is_in and not message.ephemeral:
            name = payloads.SUBSCRIPTIONS[channel.kind]
            self.tell(Event(channel.workspace, name, body, message))
        self.changes.announce()

    def _compose(self, channel: Channel, author: User, draft: Draft) -> Message:
        message = Message(
            ts=self.ids.timestamp(),
            channel=channel,
            author=author,
            content=draft.content,
            fallback=draft.fallback,
            root=draft.root.root or draft.root if draft.root else None,
            blocks=draft.blocks,
            metadata=draft.metadata,
            markdown=draft.markdown,
            hidden_from_all_but=draft.only_for,
            stream=draft.stream,
            files=draft.files,
            timeline=[Version(self.clock.now(), draft.content)],
        )
        users = channel.workspace.users
        message.pings = pings(_everything(message), users, link_names=draft.link_names)
        return message


def _everything(message: Message) -> str:
    return "\n".join([message.content, message.fallback, *texts(message.blocks)])
