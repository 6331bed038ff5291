"""The running program: platforms kept connected, a sign of life, and an orderly stop."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from bot import heartbeat
from bot.conversation.conversations import Conversations
from bot.errors import ConfigError, PlatformError, QuipuError, StorageError
from bot.ports import Messenger, Store

log = structlog.get_logger(__name__)

LONGEST_WAIT = 60.0
"""Seconds between two tries to connect, at most."""

STOPPED_AT_ONCE = 130


class Connection(Messenger, Protocol):
    """A platform's messenger with its life."""

    async def start(self) -> None:
        """Sign in, so that messages can be sent. ConfigError or PlatformError."""

    async def run(self) -> None:
        """Listen until stopped."""

    async def stop_listening(self) -> None:
        """Take no more events; sending still works."""

    async def close(self) -> None:
        """Sign out."""


Connect = Callable[[], Connection]
"""Makes a connection that has not been started yet; a failed one is not used again."""


Chore = Callable[[], Coroutine[Any, Any, None]]
"""Work that goes on beside the platforms for as long as the program runs."""


class Service:
    """Runs every platform's connection side by side; one that fails does not stop the others."""

    def __init__(
        self,
        conversations: Conversations,
        store: Store,
        platforms: Mapping[str, Connect],
        *,
        heartbeat: Path,
        deadline: float,
        chores: Mapping[str, Chore] | None = None,
    ) -> None:
        self._conversations = conversations
        self._store = store
        self._platforms = platforms
        self._connections: dict[str, Connection] = {}
        self._signed_in: set[str] = set()
        self._heartbeat = heartbeat
        self._deadline = deadline
        self._chores = chores or {}
        self._stop = asyncio.Event()

    def stop(self) -> None:
        """Ask for an orderly stop, as a signal does."""
        self._stop.set()

    async def health(self) -> dict[str, bool]:
        """Whether the database answers, and which platforms are signed in."""
        try:
            await self._store.check()
        except StorageError as error:
            log.error("the database does not answer", reason=str(error))
            return dict.fromkeys(("database", *self._platforms), False)
        return {"database": True} | {name: name in self._signed_in for name in self._platforms}

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT. ConfigError if no connection can be had at all."""
        self._listen_for_signals()
        beside = [
            asyncio.create_task(self._beside(name, chore), name=name)
            for name, chore in {"heartbeat": self._beat, **self._chores}.items()
        ]
        tasks = [asyncio.create_task(self._keep(name), name=name) for name in self._platforms]
        try:
            await self._until_stopped(tasks)
        finally:
            await self._shut_down([*beside, *tasks])

    async def _until_stopped(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        stop = asyncio.create_task(self._stop.wait(), name="stop")
        running: set[asyncio.Task[None]] = set(tasks)
        failure: BaseException | None = None
        while running and not stop.done():
            ended, _ = await asyncio.wait({stop, *running}, return_when=asyncio.FIRST_COMPLETED)
            for task in ended & running:
                running.discard(task)
                failure = task.exception() or failure
        stop.cancel()
        if not running and failure is not None and not self._stop.is_set():
            raise failure

    async def _keep(self, platform: str) -> None:
        """Connect and stay connected; only a mistake in the configuration ends it."""
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(PlatformError),
            wait=wait_random_exponential(multiplier=1, max=LONGEST_WAIT),
            before_sleep=_tell,
        ):
            with attempt:
                await self._connect(platform)

    async def _connect(self, platform: str) -> None:
        if before := self._connections.pop(platform, None):
            await before.close()
        try:
            connection = self._connections[platform] = self._platforms[platform]()
            await connection.start()
            await self._conversations.recover(connection)
            log.info("signed in", platform=platform)
            self._signed_in.add(platform)
            await connection.run()
        except ConfigError as error:
            log.error("cannot connect", platform=platform, reason=str(error))
            raise
        finally:
            self._signed_in.discard(platform)

    async def _shut_down(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        log.info("stopping")
        for connection in self._connections.values():
            await connection.stop_listening()
        await self._conversations.drain(self._deadline)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for connection in self._connections.values():
            await connection.close()
        log.info("stopped")

    @staticmethod
    async def _beside(name: str, chore: Chore) -> None:
        try:
            await chore()
        except Exception:
            # Nobody waits for it, and answers go on without it.
            log.exception("work in the background ended", name=name)

    async def _beat(self) -> None:
        """A sign of life, as long as the event loop turns and the database answers."""
        self._heartbeat.parent.mkdir(parents=True, exist_ok=True)
        while True:
            try:
                await self._store.check()
                heartbeat.beat(self._heartbeat)
            except (QuipuError, OSError) as error:
                log.error("no sign of life", reason=str(error))
            await asyncio.sleep(heartbeat.INTERVAL)

    def _listen_for_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_signal)

    def _on_signal(self) -> None:
        if self._stop.is_set():
            # Asked twice. The journal has everything; the next start takes it up.
            os._exit(STOPPED_AT_ONCE)
        self.stop()


def _tell(state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    log.warning(
        "not connected, trying again", reason=str(error), seconds=round(state.upcoming_sleep, 1)
    )
