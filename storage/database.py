"""One database: its connections, and transactions that are whole even if the caller leaves."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import structlog
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool, NullPool
from sqlalchemy.util import await_only

from bot.errors import Closed, OutOfOrder
from bot.operation.facts import UNOBSERVED, Observer, TransactionEnded
from storage import address
from storage.failures import translated, was_undone
from storage.health import AGAIN, Health
from storage.restored import refuse_half_restored

log = structlog.get_logger(__name__)

_P = ParamSpec("_P")
_T = TypeVar("_T")

BUSY_SECONDS = 10.0
READERS = 4
ANSWER_SECONDS = 30.0
"""For one statement of ours at a server; the line to one that does not answer may be half open."""
LONG_SECONDS = 600.0
"""The same where a statement reads or changes all there is of something."""
LONG_AT_ONCE = 4
"""Such transactions at a server; more wait, and their waiting is no trouble."""
UNDONE_AT_MOST = 3
"""How often a transaction is done again that the server undid for the sake of another one."""

ROOM = 1_000_000
"""Bytes that must be free before a disk that was full is believed to have room again."""

# FULL, not NORMAL: in WAL mode NORMAL leaves the newest commits to the operating system, and a
# power cut would then forget messages that the platform was already told we have.
_PRAGMAS = ("synchronous=FULL", "foreign_keys=ON")


def connect(
    url: URL,
    *,
    writes: bool,
    size: int,
    foreign_keys: bool = True,
    busy: float = BUSY_SECONDS,
    patience: float | None = None,
) -> AsyncEngine:
    """Connections for one purpose; nothing is opened before the first use.

    A server has `busy` seconds to take a connection and `patience` for each statement. With a
    `size` of 0 every transaction has a connection of its own.
    """
    with translated(address.shown(url)):
        if not address.is_sqlite(url):
            pool: dict[str, Any] = {"pool_size": size, "pool_pre_ping": True}
            return create_async_engine(
                url,
                hide_parameters=True,
                connect_args={"timeout": busy, "command_timeout": patience},
                **(pool if size else {"poolclass": NullPool}),
            )
        engine = create_async_engine(
            url,
            poolclass=AsyncAdaptedQueuePool,
            pool_size=size,
            max_overflow=0,
            hide_parameters=True,
            # The driver must not open transactions by itself: it would do so late and deferred.
            connect_args={"timeout": busy, "isolation_level": None},
        )
    _prepare(engine, begin="BEGIN IMMEDIATE" if writes else "BEGIN", foreign_keys=foreign_keys)
    return engine


def _prepare(engine: AsyncEngine, *, begin: str, foreign_keys: bool) -> None:
    """Set every SQLite connection up and begin its transactions ourselves."""

    @event.listens_for(engine.sync_engine, "do_connect")
    def try_first(_dialect: Any, _record: Any, where: Any, options: Any) -> None:
        # When aiosqlite cannot open a file, its thread outlives the error and may find the
        # event loop closed; so it gets only what can be opened.
        await_only(asyncio.to_thread(_open_and_close, where, options))

    @event.listens_for(engine.sync_engine, "connect")
    def set_up(connection: Any, _record: Any) -> None:
        try:
            _set_up(connection, _PRAGMAS if foreign_keys else _PRAGMAS[:1])
        except BaseException:
            # The pool does not know this connection yet, and would leave its thread running.
            connection.close()
            raise

    @event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        # A writer takes the lock at once: a reader that turns writer may find its view outdated,
        # and then waiting does not help.
        connection.exec_driver_sql(begin)


def _open_and_close(where: Sequence[Any], options: Mapping[str, Any]) -> None:
    refuse_half_restored(Path(address.plain(str(where[0]))))
    sqlite3.connect(*where, **options).close()


def _set_up(connection: Any, pragmas: Sequence[str]) -> None:
    connection.driver_connection.text_factory = _text
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode")
    # Only a new file needs the switch, which must have the file for itself.
    if cursor.fetchone()[0] == "delete":
        cursor.execute("PRAGMA journal_mode=WAL")
    for pragma in pragmas:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _text(stored: bytes) -> str:
    """A byte that was damaged costs its letter, not the whole answer."""
    return stored.decode("utf-8", "replace")


def _tell(task: asyncio.Task[Any]) -> None:
    """Log how a transaction failed that nobody waits for any more."""
    if not task.cancelled() and (error := task.exception()):
        log.error("a transaction failed after its caller had left", error=str(error))


class Database:
    """Runs units of work, each one transaction. Readers never wait for the writer in SQLite."""

    def __init__(
        self,
        url: URL,
        observer: Observer = UNOBSERVED,
        *,
        busy: float = BUSY_SECONDS,
        again: float = AGAIN,
    ) -> None:
        self._observer = observer
        self.shown = address.shown(url)
        self._file = address.file(url)
        self.health = Health(self._probe, again)
        # SQLite has one writer at a time; one connection makes a fair queue of them, where the
        # busy timeout alone would let them try at random. In memory there is but one connection.
        lone = address.is_sqlite(url)
        self._writer = connect(
            url, writes=True, size=1 if lone else READERS, busy=busy, patience=ANSWER_SECONDS
        )
        self._reader = self._writer
        if lone and not address.in_memory(url):
            self._reader = connect(url, writes=False, size=READERS, busy=busy)
        # Its connections are new: whether an old one is half open would be asked as patiently.
        self._patient: AsyncEngine | None = None
        if not lone:
            self._patient = connect(url, writes=True, size=0, busy=busy, patience=LONG_SECONDS)
        self._long = asyncio.Semaphore(LONG_AT_ONCE)
        self._running: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def read(
        self, work: Callable[Concatenate[Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """Run work that only looks, on one consistent view."""
        self._refuse_once_closed()
        transaction = self._transaction(self._reader, lambda c: work(c, *args, **kwargs))
        return await self.guard(self._timed("read", transaction))

    async def write(
        self, work: Callable[Concatenate[Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """Run work that changes something; it is on disk when this returns.

        OutOfOrder, at once, as long as the database is known to be that.
        """
        self._refuse_once_closed()
        self.health.refuse()
        transaction = self._transaction(self._writer, lambda c: work(c, *args, **kwargs))
        return await self.guard(self._timed("write", transaction))

    async def read_much(
        self, work: Callable[Concatenate[Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """As `read`; a statement of it may take minutes."""
        self._refuse_once_closed()
        transaction = self._patiently(self._reader, lambda c: work(c, *args, **kwargs))
        return await self.guard(self._timed("read", transaction))

    async def write_much(
        self, work: Callable[Concatenate[Connection, _P], _T], *args: _P.args, **kwargs: _P.kwargs
    ) -> _T:
        """As `write`; a statement of it may take minutes."""
        self._refuse_once_closed()
        self.health.refuse()
        transaction = self._patiently(self._writer, lambda c: work(c, *args, **kwargs))
        return await self.guard(self._timed("write", transaction))

    @property
    def engine(self) -> AsyncEngine:
        """For a library that makes transactions of its own, which are to be guarded."""
        return self._writer

    async def guard(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Finish a transaction even if the caller is cancelled.

        Breaking off in the middle would throw the connection away, which in memory is everything.
        """
        task = asyncio.create_task(self._translated(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_tell)
            raise

    async def close(self) -> None:
        """Let running transactions end, then close the connections.

        Who is still at work somewhere is refused: a connection made now would never be closed.
        """
        self._closed = True
        await self.health.close()
        await asyncio.gather(*self._running, return_exceptions=True)
        with translated(self.shown):
            await self._writer.dispose()
            await self._reader.dispose()
            if self._patient is not None:
                await self._patient.dispose()

    def _refuse_once_closed(self) -> None:
        if self._closed:
            raise Closed(f"{self.shown} is closed")

    async def _timed(self, operation: str, work: Coroutine[Any, Any, _T]) -> _T:
        began, failed = time.monotonic(), True
        try:
            result = await work
            failed = False
        finally:
            seconds = time.monotonic() - began
            self._observer.note(TransactionEnded(operation, seconds, failed))
        return result

    async def _translated(self, work: Coroutine[Any, Any, _T]) -> _T:
        try:
            with translated(self.shown):
                return await work
        except OutOfOrder as error:
            self.health.failed(error)
            raise

    async def _patiently(self, engine: AsyncEngine, work: Callable[[Connection], _T]) -> _T:
        """SQLite is there or not: no time is too long for it, and `engine` does it."""
        if self._patient is None:
            return await self._transaction(engine, work)
        async with self._long:
            return await self._transaction(self._patient, work)

    async def _transaction(self, engine: AsyncEngine, work: Callable[[Connection], _T]) -> _T:
        for _ in range(UNDONE_AT_MOST):
            try:
                return await self._once(engine, work)
            except DBAPIError as error:
                if not was_undone(error):
                    raise
                log.info("a transaction was undone and is done again", database=self.shown)
        return await self._once(engine, work)

    async def _once(self, engine: AsyncEngine, work: Callable[[Connection], _T]) -> _T:
        async with engine.connect() as connection:
            if engine in (self._writer, self._patient):
                # It may have become so while this waited for its turn.
                self.health.refuse()
            async with connection.begin():
                return await connection.run_sync(work)

    async def _probe(self) -> None:
        """Write something that changes nothing; what the next one needs must find room, too."""
        with translated(self.shown):
            if self._file is not None:
                await asyncio.to_thread(_take_room, self._file.parent)
            async with self._writer.begin() as connection:
                await connection.run_sync(_touch)


def _take_room(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(bytes(ROOM))


def _touch(connection: Connection) -> None:
    if connection.dialect.name != "sqlite":
        connection.exec_driver_sql("SELECT 1")
        return
    # A file that may not grow says so before anything is committed.
    with connection.begin_nested() as attempt:
        connection.exec_driver_sql("CREATE TABLE room (taken BLOB)")
        connection.exec_driver_sql("INSERT INTO room VALUES (zeroblob(?))", (ROOM // 10,))
        attempt.rollback()
    # Nobody reads this number; set to what it is, it is written all the same.
    number = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    connection.exec_driver_sql(f"PRAGMA user_version = {int(number)}")
