"""The search for missed messages in a channel of which some were heard."""

# ruff: noqa: ARG002 - parts of a port, of which not all is needed here

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from bot.errors import Closed
from bot.ports import Look
from bot.values import Inbound, Place
from tests.discord.desk import Desk
from tests.discord.stage import messenger_for
from tests.loopback.discord import DiscordServer
from tests.memory import MemoryAbsences, MemoryInbox


@dataclass
class MemoryCatchUp:
    """A search since an hour ago; `kept` are the messages that are known."""

    place: Place
    kept: list[str]
    since: datetime = field(default_factory=lambda: datetime.now(UTC) - timedelta(hours=1))
    taken: list[str] = field(default_factory=list)
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def unclaimed(self, place: Place, message_ids: Collection[str]) -> set[str]:
        return set(message_ids) - set(self.kept)

    async def take(self, missed: Sequence[Inbound], *, told: Collection[str] = ()) -> None:
        self.taken += [inbound.message_id for inbound in missed]
        self.kept += self.taken

    async def room(self) -> None:
        """There is always some."""

    async def said_since(self, place: Place, since: datetime) -> list[tuple[Place, str]]:
        return [(self.place, message_id) for message_id in self.kept]

    def looked_through(self, place: Place) -> bool:
        return False

    async def note(self, place: Place) -> None:
        """Nothing is cut off here."""

    def seen(self, said_at: datetime) -> None:
        """Nothing comes after this search."""

    async def tried(self, channel: str, look: Callable[[], Awaitable[None]]) -> float | None:
        await look()
        return None

    async def complete(self, look: Look) -> None:
        while await look(self) is not None:
            pass
        self.ended.set()


@dataclass
class Away(MemoryAbsences):
    """The bot was away from what `search` looks through."""

    search: MemoryCatchUp | None = None

    async def begin(self, platform: str, margin: timedelta) -> MemoryCatchUp | None:  # type: ignore[override]
        return self.search


async def looked_through(server: DiscordServer, search: MemoryCatchUp) -> MemoryInbox:
    """Connect, and wait until the search has come to its end."""
    async with looking(server, search) as inbox:
        return inbox


@asynccontextmanager
async def looking(server: DiscordServer, search: MemoryCatchUp) -> AsyncIterator[MemoryInbox]:
    """Connected, with the search at its end."""
    inbox = MemoryInbox()
    desk = Desk(kept=dict.fromkeys(search.kept, search.place))
    messenger = messenger_for(server, inbox, desk, absences=Away(search=search))
    await messenger.start()
    running = asyncio.create_task(messenger.run())
    try:
        await asyncio.wait_for(search.ended.wait(), 10)
        yield inbox
    finally:
        await messenger.close()
        await running


@dataclass
class Late(MemoryAbsences):
    """The database takes long to say since when the bot was away."""

    async def begin(self, platform: str, margin: timedelta) -> None:
        await super().begin(platform, margin)
        if self.changes.count((platform, "begun")) == 1:
            await asyncio.Event().wait()


async def test_who_waits_for_a_search_is_heard_though_another_session_begins(
    discord_server: DiscordServer,
) -> None:
    guild = discord_server.guild("Cuzco")
    channel, ann = guild.channel("knots"), guild.member("Ann")
    inbox, absences = MemoryInbox(), Late()
    messenger = messenger_for(discord_server, inbox, Desk(), absences=absences)
    await messenger.start()
    running = asyncio.create_task(messenger.run())
    try:
        await discord_server.gateway.wait_connected()
        await ann.mentions(channel, "hello")
        async with asyncio.timeout(30):
            while not waits_for("discord catch-up begins"):  # noqa: ASYNC110 - nobody is told
                await asyncio.sleep(0.01)
        discord_server.gateway.forget_sessions()
        discord_server.gateway.kill()
        await inbox.until(lambda inbox: bool(inbox.accepted))
    finally:
        await messenger.close()
        await running


def waits_for(name: str) -> bool:
    """Whether an event waits for that task; its search does anyway."""
    tasks = asyncio.all_tasks()
    return any(task.get_name() == name for task in tasks) and any(
        "on_message" in task.get_name() for task in tasks
    )


@dataclass
class Stopped(MemoryAbsences):
    """Something was not dealt with, and the database is closed."""

    async def begin(self, platform: str, margin: timedelta) -> None:
        await super().begin(platform, margin)
        raise Closed("stopping")

    async def undone(self, platform: str) -> None:
        """At once."""


async def test_nothing_is_looked_for_once_the_database_is_closed(
    discord_server: DiscordServer,
) -> None:
    absences = Stopped()
    messenger = messenger_for(discord_server, MemoryInbox(), Desk(), absences=absences)
    await messenger.start()
    running = asyncio.create_task(messenger.run())
    try:
        async with asyncio.timeout(30):
            while not absences.changes or any(  # noqa: ASYNC110 - nobody is told
                task.get_name().startswith("discord catch-up") for task in asyncio.all_tasks()
            ):
                await asyncio.sleep(0.01)
    finally:
        await messenger.close()
        await running
    assert absences.changes.count(("discord", "begun")) == 1


async def test_what_was_missed_before_something_heard_is_taken_and_not_withdrawn(
    discord_server: DiscordServer,
) -> None:
    guild = discord_server.guild("Cuzco")
    channel, ann = guild.channel("knots"), guild.member("Ann")
    first, missed, last = [str((await ann.mentions(channel, "hello")).id) for _ in range(3)]
    place = Place("discord", str(guild.id), str(channel.id))
    search = MemoryCatchUp(place, [first, last])
    inbox = await looked_through(discord_server, search)
    assert search.taken == [missed]
    assert inbox.withdrawn == []


async def test_what_was_deleted_between_known_messages_is_withdrawn(
    discord_server: DiscordServer,
) -> None:
    guild = discord_server.guild("Cuzco")
    channel, ann = guild.channel("knots"), guild.member("Ann")
    said = [await ann.mentions(channel, "hello") for _ in range(3)]
    await ann.deletes(said[1])
    place = Place("discord", str(guild.id), str(channel.id))
    search = MemoryCatchUp(place, [str(message.id) for message in said])
    inbox = await looked_through(discord_server, search)
    assert inbox.withdrawn == [(place.id, str(said[1].id))]


async def test_words_that_an_edit_of_the_meantime_has_hidden_are_taken_back(
    discord_server: DiscordServer,
) -> None:
    guild = discord_server.guild("Cuzco")
    channel, ann = guild.channel("knots"), guild.member("Ann")
    said = await ann.mentions(channel, "my IBAN is DE89")
    await ann.edits(said, "oops")
    place = Place("discord", str(guild.id), str(channel.id))
    inbox = await looked_through(discord_server, MemoryCatchUp(place, [str(said.id)]))
    assert inbox.withdrawn == [(place.id, str(said.id))]
    assert inbox.amended == []


async def test_an_update_with_the_time_of_an_old_edit_takes_nothing_back(
    discord_server: DiscordServer,
) -> None:
    guild = discord_server.guild("Cuzco")
    channel, ann = guild.channel("knots"), guild.member("Ann")
    pinned = await ann.says(channel, "heard while the bot was allowed to read it")
    pinned.edited = datetime(2026, 1, 1, tzinfo=UTC)
    said = await ann.mentions(channel, "my IBAN is DE89")
    place = Place("discord", str(guild.id), str(channel.id))
    search = MemoryCatchUp(place, [str(pinned.id), str(said.id)])
    async with looking(discord_server, search) as inbox:
        discord_server.world.updated(pinned)
        await ann.edits(said, "oops")
        await inbox.until(lambda inbox: bool(inbox.withdrawn))
    assert inbox.withdrawn == [(place.id, str(said.id))]
