"""Slack's events on their way to the Inbox. Each is handled before it is acknowledged.

Slack sends an event again that was not acknowledged, so whatever fails here is raised; that a
message may come twice, or as `message` and `app_mention`, is the Inbox's to notice.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

import structlog

from adapters.slack.budget import WHISPER
from adapters.slack.files import MOST_BYTES, MOST_FILES
from adapters.slack.inbound import (
    TOMBSTONE,
    file_ids,
    inbound_of,
    is_echo,
    is_empty,
    mentions_bot,
    said_by_other_bot,
    said_by_person,
    text_of,
)
from adapters.slack.markup import escaped
from adapters.slack.missed import Missed
from adapters.slack.places import (
    PLATFORM,
    Event,
    channel_place,
    message_id,
    place_of,
    places_of,
    root_for,
    thread_of,
)
from adapters.slack.prompts import Prompts
from adapters.slack.surroundings import Surroundings
from adapters.slack.workspaces import Workspace
from bot.control.words import say
from bot.errors import Busy, Forbidden, PlatformError
from bot.values import Author, Inbound, Place, Standing

if TYPE_CHECKING:
    from slack_bolt.async_app import AsyncApp
    from slack_bolt.context.async_context import AsyncBoltContext

    from bot.ports import Absences, Inbox

log = structlog.get_logger(__name__)


InBackground = Callable[[Coroutine[Any, Any, None]], None]


class Listener:
    """Hears what is said, changed and pressed. Events of one channel are handled in their order."""

    def __init__(
        self,
        inbox: Inbox,
        around: Surroundings,
        prompts: Prompts,
        in_background: InBackground,
        absences: Absences,
    ) -> None:
        self._inbox = inbox
        self._around = around
        self._prompts = prompts
        self._in_background = in_background
        self._order: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._under_way: set[asyncio.Task[Any]] = set()
        self.missed = Missed(inbox, around, absences, self._missed, self._turn)
        self.listening = True

    def listen(self, app: AsyncApp) -> None:
        """Take this app's events; those that do not concern us are acknowledged as well."""
        app.event("message")(self.on_message)
        app.event("app_mention")(self.on_message)
        app.event("app_home_opened")(self.on_home)
        app.event("agent_session_stopped")(self.on_stop)
        app.event("app_uninstalled")(self.on_uninstalled)
        app.event("tokens_revoked")(self.on_revoked)
        app.event(re.compile(""))(_nothing)

    async def on_message(self, event: Event, body: Event, context: AsyncBoltContext) -> None:
        """Something was said, changed or deleted.

        The channel's turn may be minutes off, and Slack sends what is not acknowledged by then
        again; of every answer it echoes each edit.
        """
        if is_echo(event, context.bot_user_id, context.bot_id):
            return
        with self._counted():
            await self._on_message(event, body, context)

    async def close(self) -> None:
        """Give up what is still waiting for its turn: the next start finds it."""
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Bolt runs each event in a task of its own, which it does not end when it is closed."""
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        try:
            yield
        finally:
            self._under_way.discard(task)

    async def _on_message(self, event: Event, body: Event, context: AsyncBoltContext) -> None:
        workspace = await self._workspace(body, context)
        channel = str(event["channel"])
        # Slack's events are handled side by side; the lock is fair and so keeps their order.
        async with self._turn(workspace, channel):
            match event.get("subtype"):
                case "message_changed":
                    await self._changed(event, workspace, channel)
                case "message_deleted":
                    await self._deleted(event, workspace, channel)
                case _:
                    with self.missed.hearing(event, workspace, channel):
                        await self._said(event, workspace, channel)

    def _turn(self, workspace: Workspace, channel: str) -> asyncio.Lock:
        return self._order.setdefault(f"{workspace.key}/{channel}", asyncio.Lock())

    async def on_home(self, event: Event, body: Event, context: AsyncBoltContext) -> None:
        """Somebody opened the bot's own pages; its Messages tab gets suggestions."""
        if event.get("tab") == "messages":
            workspace = await self._workspace(body, context)
            await self._around.people.person(workspace, user := str(event["user"]))
            locale = self._around.people.locale(workspace, user)
            self._in_background(self._prompts.suggest(workspace, str(event["channel"]), locale))

    async def on_stop(self, event: Event, body: Event, context: AsyncBoltContext) -> None:
        """Somebody pressed Slack's own Stop button below a growing answer."""
        workspace = await self._workspace(body, context)
        channel, thread = str(event["channel"]), str(event.get("thread_ts") or "")
        place = channel_place(workspace.key, channel)
        if not place.private and thread:
            place = Place(PLATFORM, workspace.key, channel, thread)
        author = await self._now(workspace, str(event["user"]), channel)
        try:
            stopped = await self._inbox.stop(place, author)
        except Forbidden as error:
            log.info("slack.stop_refused", place=place.id, reason=str(error))
        else:
            log.debug("slack.stop", place=place.id, stopped=stopped)

    async def _now(self, workspace: Workspace, user: str, channel: str) -> Author:
        """Who somebody is at this moment; of whom Slack does not tell, nobody special."""
        try:
            return await self._around.people.author(workspace, user, channel, anew=True)
        except Busy:
            return Author(user, user)

    async def on_uninstalled(self, context: AsyncBoltContext) -> None:
        """A workspace removed the app."""
        await self._around.workspaces.remove(*_installation(context), whole=True)

    async def on_revoked(self, event: Event, context: AsyncBoltContext) -> None:
        """Tokens of a workspace are no longer valid; ours is the bot's."""
        if (event.get("tokens") or {}).get("bot"):
            await self._around.workspaces.remove(*_installation(context), whole=False)

    async def _said(self, event: Event, workspace: Workspace, channel: str) -> None:
        heard = await self._heard(event, workspace, channel)
        if heard is None:
            return
        inbound, declined = heard
        await self.missed.before(event, workspace, channel)
        claimed = await self._inbox.accept(inbound)
        if claimed and declined and inbound.author.standing is not Standing.BOT:
            self._in_background(self._decline(workspace, inbound, declined))
        log.debug("slack.message", id=inbound.message_id, claimed=claimed)

    async def _missed(self, event: Event, workspace: Workspace, channel: str) -> Inbound | None:
        heard = await self._heard(event, workspace, channel)
        return heard and heard[0]

    async def _heard(
        self, event: Event, workspace: Workspace, channel: str
    ) -> tuple[Inbound, tuple[str, ...]] | None:
        """A message for the bot, and the names of files that were not read."""
        bot = said_by_other_bot(event, workspace)
        if not bot and not said_by_person(event, workspace):
            return None
        around = self._around
        behaviour = await around.behaviour(workspace, channel, thread_of(event))
        if bot and not behaviour.bots:
            return None
        mentioned = await self._for_bot(event, workspace, channel)
        if not mentioned and behaviour.when != "always":
            return None
        place = place_of(workspace.key, channel, event, around.habits, behaviour.threads)
        text = await text_of(event, workspace, around.people, around.files)
        inbound = await inbound_of(
            event,
            workspace,
            around.people,
            place,
            text.words,
            mentioned=mentioned,
            channel_name=await around.channels.name(workspace, channel),
        )
        around.asked.note(inbound, _team(event, workspace))
        if place.thread:
            around.threads.joined(workspace.key, channel, place.thread)
        return inbound, text.declined

    async def _decline(
        self, workspace: Workspace, inbound: Inbound, names: tuple[str, ...]
    ) -> None:
        """Tell the person alone which of their files were not read."""
        said = {"names": ", ".join(names), "most": MOST_BYTES // 1000, "count": MOST_FILES}
        arguments = {
            "channel": inbound.place.channel,
            "user": inbound.author.id,
            "text": escaped(say("slack.file_declined", inbound.locale, **said)),
        }
        if root := root_for(inbound.place, inbound.message_id):
            arguments["thread_ts"] = root
        try:
            await self._around.api.call(workspace, WHISPER, arguments)
        except PlatformError as error:
            log.info("slack.file_not_declined", place=inbound.place.id, reason=str(error))

    async def _for_bot(self, event: Event, workspace: Workspace, channel: str) -> bool:
        if mentions_bot(event, workspace):
            return True
        root = thread_of(event)
        if not root or not self._around.habits.follows(channel):
            return False
        return await self._around.threads.ours(workspace, channel, root, event)

    async def _changed(self, event: Event, workspace: Workspace, channel: str) -> None:
        message, before = event.get("message") or {}, event.get("previous_message") or {}
        if message.get("subtype") == TOMBSTONE:
            await self._withdraw(before or message, workspace, channel)
            return
        gone = file_ids(before) - file_ids(message)
        self._around.files.forget(workspace, gone)
        # Slack also reports its own additions, such as link previews and the count of replies.
        same = message.get("text") == before.get("text") and file_ids(message) == file_ids(before)
        if same or not said_by_person(message, workspace):
            return
        if is_empty(message):
            await self._withdraw(message, workspace, channel)
            return
        text = await text_of(message, workspace, self._around.people, self._around.files)
        for place in places_of(workspace.key, channel, message):
            await self._inbox.amend(place, message_id(channel, message), text.words)

    async def _deleted(self, event: Event, workspace: Workspace, channel: str) -> None:
        before = event.get("previous_message") or {}
        await self._withdraw({**before, "ts": event["deleted_ts"]}, workspace, channel)

    async def _withdraw(
        self, message: Mapping[str, Any], workspace: Workspace, channel: str
    ) -> None:
        if message.get("user") == workspace.bot_user:
            await self._withdraw_answer(message, workspace, channel)
            return
        self._around.files.forget(workspace, file_ids(message))
        for place in places_of(workspace.key, channel, message):
            await self._inbox.withdraw(place, message_id(channel, message))

    async def _withdraw_answer(
        self, message: Mapping[str, Any], workspace: Workspace, channel: str
    ) -> None:
        """Somebody deleted what the bot said, unless it did so itself."""
        ts = str(message["ts"])
        if (workspace.key, channel, ts) not in self._around.taken_back:
            place = place_of(workspace.key, channel, message, self._around.habits, threads=False)
            await self._inbox.withdraw(place, ts)

    async def _workspace(self, body: Event, context: AsyncBoltContext) -> Workspace:
        if not self.listening:
            raise PlatformError("no longer listening; Slack will send the event again")
        # Where an organisation has the installation, bolt sees no team.
        team = context.team_id or body.get("team_id")
        found = await self._around.workspaces.find(context.enterprise_id, team)
        if found is None:  # uninstalled since bolt asked
            raise PlatformError(f"workspace {context.team_id} is not known any more")
        return found


def _team(event: Event, workspace: Workspace) -> str:
    """The team of whoever wrote this, which in a shared channel can be another than ours."""
    return str(event.get("user_team") or event.get("team") or workspace.team)


def _installation(context: AsyncBoltContext) -> tuple[str | None, str | None]:
    """What names the installation: an organisation's has no team of its own."""
    return context.enterprise_id, None if context.is_enterprise_install else context.team_id


async def _nothing() -> None:
    """Acknowledge an event that we have no use for."""
