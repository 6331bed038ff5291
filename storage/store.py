"""The Store port on a SQL database: every method is one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import select
from sqlalchemy.engine import Connection

from bot.control.records import Origin
from bot.errors import OutOfOrder
from bot.operation.facts import UNOBSERVED, Observer
from bot.values import (
    Author,
    Finish,
    Inbound,
    Part,
    Persona,
    Place,
    Prompt,
    Reply,
    ReplyState,
    Turn,
)
from storage import absences, address, answers, archive, personas, schema, taken_down, turns
from storage import replies as journal
from storage.database import BUSY_SECONDS, Database
from storage.health import AGAIN
from storage.tables import metadata, places
from storage.withheld import kept

NO_ORIGIN = Origin()


def utc_now() -> datetime:
    """The time, aware of its zone."""
    return datetime.now(UTC)


async def open_store(
    url: str,
    observer: Observer = UNOBSERVED,
    *,
    busy: float = BUSY_SECONDS,
    again: float = AGAIN,
) -> SqlStore:
    """Open the database at `url` without migrating it; its folder is made if need be.

    A database in memory is given its tables here, since nobody else could ever reach it. It is
    `busy` seconds locked before it is out of order, and then looked at `again` and again.
    """
    where = address.read(url)
    await schema.make_folder(where)
    database = Database(where, observer, busy=busy, again=again)
    if address.in_memory(where):
        await database.write(metadata.create_all)
    return SqlStore(database)


class SqlStore:
    """See `bot.ports.Store` for what each method promises."""

    def __init__(self, database: Database, now: Callable[[], datetime] = utc_now) -> None:
        self._database = database
        self._now = now

    @property
    def database(self) -> Database:
        """For what else is kept in the same database."""
        return self._database

    async def claim(self, inbound: Inbound) -> Reply | None:
        """Exactly once, for any number of processes on the same database."""
        return await self._database.write(journal.claim, inbound, self._now())

    async def merge(self, replies: Sequence[int], into: int) -> None:
        """Replies that have ended, or belong to another Place, are left as they are."""
        await self._database.write(journal.merge, replies, into, self._now())

    async def advance(self, reply_id: int, state: ReplyState, *, attempt: bool = False) -> None:
        """Does nothing to a reply that has ended. ValueError for a state that is an ending."""
        if state.ended:
            raise ValueError(f"{state} is an ending; use end or merge")
        advance = partial(journal.advance, attempt=attempt)
        await self._database.write(advance, reply_id, state, self._now())

    async def spare(self, reply_id: int) -> None:
        """Does nothing to a reply that has ended, or was never begun."""
        await self._database.write(journal.spare, reply_id)

    async def flush(self, reply_id: int, text: str) -> None:
        """Does nothing to a reply that has ended or whose text is whole."""
        await self._database.write(journal.flush, reply_id, text, self._now())

    async def save_part(self, reply_id: int, part: Part) -> None:
        """Adds the part, or replaces the one of the same index."""
        await self._database.write(journal.save_part, reply_id, part)

    async def drop_part(self, reply_id: int, index: int) -> None:
        """Does nothing if there is no such part."""
        await self._database.write(journal.drop_part, reply_id, index)

    async def left_over(self, platform: str) -> list[Reply]:
        """Only the newest thousand replies are looked at."""
        return await self._database.read(journal.left_over, platform)

    async def complete(
        self,
        reply_id: int,
        text: str,
        finish: Finish,
        prompt: Prompt,
        origin: Origin = NO_ORIGIN,
    ) -> None:
        """Does nothing to a reply that has ended; a second time adds an answer, now in use."""
        await self._database.write(_complete, reply_id, text, finish, prompt, origin, self._now())

    async def end(
        self,
        reply_id: int,
        state: ReplyState,
        *,
        text: str | None = None,
        reason: str = "",
        marked: bool = False,
    ) -> None:
        """The first ending stays. ValueError for a state that is none."""
        if not state.ended:
            raise ValueError(f"{state} is no ending; use advance")
        ending = journal.Ending(state, reason, self._now(), marked)
        await self._database.write(journal.end, reply_id, ending, text)

    async def reopen_marked(self, platform: str, place: Place | None = None) -> list[Reply]:
        """Only the newest thousand replies are looked at."""
        ids = await self._database.read(journal.marked, platform, place)
        # At most starts there is nothing to write.
        return await self._database.write(journal.reopen, ids, self._now()) if ids else []

    async def history(self, place: Place, reply_id: int) -> list[Turn]:
        """An earlier answer of this same reply is not among them."""
        return await self._database.read(turns.history, place, reply_id)

    async def left_out(self, place: Place, reply_id: int) -> int:
        """As the answers before this one were told, or this one itself the last time."""
        return await self._database.read(turns.left_out, place, reply_id)

    async def keep_from(
        self, place: Place, turn_id: int, *, reply_id: int = 0, dropped: int = 0
    ) -> None:
        """Does nothing if the turn is gone, or stands before the window."""
        await self._database.write(turns.keep_from, place, turn_id, reply_id, dropped)

    async def unfinished(self, platform: str) -> list[Reply]:
        """For the recovery at start."""
        return await self._database.read(journal.unfinished, platform)

    async def amend(self, place: Place, message_id: str, text: str) -> bool:
        """Only what people said can be amended."""
        return await self._database.write(turns.amend, place, message_id, text)

    async def withdraw(self, place: Place, message_id: str) -> bool:
        """The answer stays, what it answered goes."""
        return await self._database.write(turns.withdraw, place, message_id)

    async def take_down(self, place: Place, message_id: str) -> Reply | None:
        """What it answered stays."""
        return await self._database.write(taken_down.take_down, place, message_id, self._now())

    async def persona(self, scopes: Sequence[str]) -> Persona | None:
        """A scope whose persona was cleared is passed over."""
        return await self._database.read(personas.newest, scopes)

    async def set_persona(self, scope: str, text: str | None, author: Author) -> Persona | None:
        """Versions count from 1 in every scope; clearing is a version too, and returns None."""
        return await self._database.write(personas.save, scope, text, author, self._now())

    async def heard_until(self, platform: str) -> datetime | None:
        """None on a platform that the bot was never on."""
        return await self._database.read(absences.heard_until, platform)

    async def note_heard(self, platform: str, until: datetime) -> None:
        """An earlier time than the one noted changes nothing."""
        await self._database.write(absences.note_heard, platform, until)

    async def looked_through(self, platform: str) -> dict[str, datetime]:
        """Forgotten once the time heard has come so far."""
        return await self._database.read(absences.looked_through, platform)

    async def note_looked(self, place: Place, until: datetime) -> None:
        """Kept until everything on the platform is known up to that time."""
        await self._database.write(absences.note_looked, place, until)

    async def claimed(
        self, platform: str, workspace: str, message_ids: Collection[str]
    ) -> set[str]:
        """By any process on the same database."""
        return await self._database.read(absences.claimed, platform, workspace, message_ids)

    async def familiar(self, platform: str, *, channels: int, threads: int) -> list[Place]:
        """Where something was said or set in public, the latest used first."""
        return await self._database.read(absences.familiar, platform, channels, threads)

    async def direct(self, platform: str, *, limit: int) -> list[Place]:
        """Where something was said in private, the latest used first."""
        return await self._database.read(absences.direct, platform, limit)

    async def said_since(self, place: Place, since: datetime) -> list[tuple[Place, str]]:
        """In the channel and all its threads."""
        return await self._database.read(absences.said_since, place, since)

    @property
    def trouble(self) -> OutOfOrder | None:
        """As far as is known from what was last tried."""
        return self._database.health.trouble

    async def well(self) -> None:
        """Returns at once unless something has failed."""
        await self._database.health.well()

    async def check(self) -> None:
        """Also notices when the tables are not there."""
        await self._database.read(_look)

    async def try_to_write(self) -> None:
        """What is written is what was there; the transaction goes to disk all the same."""
        await self._database.write(schema.write_again)

    async def size(self) -> int | None:
        """As the database itself counts it."""
        return await self._database.read(schema.size)

    async def close(self) -> None:
        """Running transactions are finished first."""
        await self._database.close()


def _complete(
    connection: Connection,
    reply_id: int,
    text: str,
    finish: Finish,
    prompt: Prompt,
    origin: Origin,
    now: datetime,
) -> None:
    text = kept(connection, reply_id, text)
    if not journal.complete(connection, reply_id, text, finish, prompt, now):
        return
    answers.save(connection, reply_id, text, finish, prompt, origin, now)
    archive.count_use(
        connection,
        reply_id,
        now.astimezone(UTC).date(),
        prompt_tokens=finish.prompt_tokens,
        tokens=finish.tokens,
    )


def _look(connection: Connection) -> None:
    connection.execute(select(places.c.id).limit(1)).first()
