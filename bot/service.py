"""The running program: platforms kept connected, a sign of life, and an orderly stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import structlog
from tenacity import (
    AsyncRetrying,
    RetryCallState,
    retry_if_exception,
    retry_if_exception_type,
    wait_random_exponential,
)

from bot import heartbeat
from bot.conversation.conversations import Conversations
from bot.errors import ConfigError, PlatformError, QuipuError
from bot.operation.facts import UNOBSERVED, ChoreFailed, Observer
from bot.ports import Messenger
from bot.stopping import Stopping

log = structlog.get_logger(__name__)

LONGEST_WAIT = 60.0
"""Seconds between two tries to connect, at most."""

PLATFORM_PATIENCE = 5.0
"""Seconds that a platform has for each step of the stop."""


class Connection(Messenger, Protocol):
    """A platform's messenger with its life."""

    @property
    def connected(self) -> bool:
        """Whether the platform's events reach us at this moment."""

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
    """Runs every platform's connection side by side; one that fails does not stop the others.

    `unready` says what would keep people from getting an answer; the sign of life carries it.
    There is none any more once something is `lost` that only a new process can give back.
    """

    def __init__(
        self,
        conversations: Conversations,
        platforms: Mapping[str, Connect],
        *,
        heartbeat: Path,
        deadline: float,
        chores: Mapping[str, Chore] | None = None,
        unready: Callable[[], str] = str,
        lost: Callable[[], bool] = bool,
        stopping: Stopping | None = None,
        observer: Observer = UNOBSERVED,
    ) -> None:
        self._conversations = conversations
        self._platforms = platforms
        self._connections: dict[str, Connection] = {}
        self._signed_in: set[str] = set()
        self._heartbeat = heartbeat
        self._stopping = stopping or Stopping(deadline)
        self._chores = chores or {}
        self._unready = unready
        self._observer = observer
        self._lost = lost
        self._beaten: float | None = None
        self._stop = self._stopping.asked

    def stop(self) -> None:
        """Ask for an orderly stop, as a signal does."""
        self._stopping.stop()

    async def health(self) -> dict[str, bool]:
        """Whether the process goes on as it should: the loop turns, and the signs of life go out.

        What restarting would not mend is readiness.
        """
        fresh = self._beaten is not None and time.monotonic() - self._beaten < heartbeat.OVERDUE
        return {"event_loop": True, "heartbeat": fresh, "worker": not self._lost()}

    def connected(self) -> dict[str, bool]:
        """Which platforms send us their events."""
        return {name: self._hears(name) for name in self._platforms}

    def _hears(self, platform: str) -> bool:
        connection = self._connections.get(platform)
        return connection is not None and platform in self._signed_in and connection.connected

    async def run(self) -> None:
        """Serve until asked to stop. ConfigError if no connection can be had at all."""
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
            retry=retry_if_exception(_worth_another_try),
            wait=wait_random_exponential(multiplier=1, max=LONGEST_WAIT),
            before_sleep=partial(_tell, platform),
        ):
            with attempt:
                await self._connect(platform)

    async def _connect(self, platform: str) -> None:
        await self._let_go(platform)
        try:
            connection = self._connections[platform] = self._platforms[platform]()
            await connection.start()
            await self._conversations.recover(connection)
            log.info("signed in", platform=platform)
            self._signed_in.add(platform)
            await connection.run()
            if not self._stop.is_set():
                raise PlatformError("the connection ended by itself")
        except ConfigError as error:
            log.error("cannot connect", platform=platform, reason=str(error))
            await self._let_go(platform, within=self._stopping.deadline)
            raise
        finally:
            self._signed_in.discard(platform)

    async def _let_go(self, platform: str, *, within: float = 0.0) -> None:
        """Close what is left of a failed connection; its replies wait for the next one."""
        if before := self._connections.pop(platform, None):
            await self._step(platform, "stop_listening", before.stop_listening())
            await self._conversations.detach(platform, within=within)
            await self._step(platform, "close", before.close())

    async def _shut_down(self, tasks: Sequence[asyncio.Task[None]]) -> None:
        log.info("stopping")
        await self._each("stop_listening", lambda connection: connection.stop_listening())
        await self._conversations.drain(self._stopping.deadline)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=PLATFORM_PATIENCE)
        await self._each("close", lambda connection: connection.close())
        log.info("stopped")

    async def _each(
        self, step: str, act: Callable[[Connection], Coroutine[Any, Any, None]]
    ) -> None:
        """One step of the stop for every platform; one that hangs or fails does not hold it up."""
        steps = (self._step(name, step, act(each)) for name, each in self._connections.items())
        await asyncio.gather(*steps)

    @staticmethod
    async def _step(platform: str, step: str, act: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(PLATFORM_PATIENCE):
                await act
        except Exception as error:  # the stop goes on, whatever it is
            log.error("platform_not_stopped", platform=platform, step=step, exc_info=error)

    async def _beside(self, name: str, chore: Chore) -> None:
        """Nobody waits for it, and answers go on without it; but it is not given up."""
        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(Exception),
            wait=wait_random_exponential(multiplier=1, max=LONGEST_WAIT),
            before_sleep=partial(self._begin_again, name),
        ):
            with attempt:
                await chore()

    def _begin_again(self, name: str, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        log.error("work in the background begins again", name=name, exc_info=error)
        self._observer.note(ChoreFailed(name))

    async def _beat(self) -> None:
        """A sign of life, as long as the event loop turns."""
        while True:
            if not self._lost():
                await self._beat_once()
            await asyncio.sleep(heartbeat.INTERVAL)

    async def _beat_once(self) -> None:
        self._beaten = time.monotonic()
        try:
            await asyncio.to_thread(heartbeat.beat, self._heartbeat, self._unready())
        except OSError as error:
            log.error("the sign of life cannot be written", reason=str(error))


def _worth_another_try(error: BaseException) -> bool:
    """Whatever nobody thought of may pass; a mistake in the configuration does not."""
    return isinstance(error, Exception) and not isinstance(error, ConfigError)


def _tell(platform: str, state: RetryCallState) -> None:
    error = state.outcome.exception() if state.outcome else None
    unforeseen = None if isinstance(error, QuipuError) else error
    log.warning(
        "not connected, trying again",
        platform=platform,
        reason=str(error) or type(error).__name__,
        seconds=round(state.upcoming_sleep, 1),
        **({} if unforeseen is None else {"exc_info": unforeseen}),
    )
