"""Listens to discord.py's own requests and tells the Budget what Discord's headers reveal.

discord.py keeps the headers to itself and sleeps inside the call that used up a limit; watching
its HTTP client is how we see the limits, and how we know that a request landed before the sleep.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable, Coroutine, Mapping
from types import SimpleNamespace
from typing import Any

import aiohttp
import structlog

from adapters.discord.budget import Budget, Limits
from adapters.discord.mends import BAD_TOKEN
from adapters.discord.places import PLATFORM
from bot.operation.facts import UNOBSERVED, LimitMet, Observer

log = structlog.get_logger(__name__)

OTHER_TOKENS = re.compile(r"/(webhooks|interactions)/")
EDIT = re.compile(r"/channels/(\d+)/messages/\d+$")


class Trace:
    """Hands latency, limits and refusals to the Budget, and notes which calls have landed."""

    def __init__(
        self,
        budget: Budget,
        observer: Observer = UNOBSERVED,
        clock: Callable[[str, str | None], None] | None = None,
    ) -> None:
        self._clock = clock
        self._observer = observer
        self._budget = budget
        self._unauthorised = False
        self.unlock: Callable[[], None] | None = None
        """Ends discord.py's wait after a global limit, once that is over."""
        self._landings: dict[asyncio.Task[Any], asyncio.Future[None]] = {}

    def config(self) -> aiohttp.TraceConfig:
        """What discord.Client takes as `http_trace`."""
        config = aiohttp.TraceConfig()
        config.on_request_start.append(self._started)
        config.on_request_end.append(self._ended)
        return config

    async def until_landed(self, call: Coroutine[Any, Any, Any]) -> None:
        """Run a call until Discord has taken it, leaving discord.py's sleep after it behind."""
        task = asyncio.create_task(call, name="discord request")
        landed = asyncio.get_running_loop().create_future()
        self._landings[task] = landed
        task.add_done_callback(self._forget)
        try:
            await asyncio.wait({task, landed}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            raise
        if task.done():
            task.result()

    async def close(self) -> None:
        """End the sleeps that are left."""
        left = list(self._landings)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        landed = self._landings.pop(task)
        if landed.done() and not task.cancelled() and (error := task.exception()) is not None:
            log.debug("discord.request_ended_badly_after_landing", error=repr(error))
        landed.cancel()

    async def _started(self, _: Any, context: SimpleNamespace, __: Any) -> None:
        context.began = time.monotonic()

    async def _ended(
        self, _: Any, context: SimpleNamespace, end: aiohttp.TraceRequestEndParams
    ) -> None:
        channel = _edited_channel(end.method, end.url.path)
        if self._clock is not None:
            self._clock(PLATFORM, end.response.headers.get("Date"))
        if end.response.status == 429:
            await self._refused(end.response, channel)
            return
        self._budget.latency(time.monotonic() - context.began)
        limits = limits_of(end.response.headers)
        if channel is not None and limits is not None:
            self._budget.learn(channel, limits)
        if end.response.ok:
            self._note_landing()
        elif end.response.status == 401:
            self._alarm(end.url.path)

    def _alarm(self, path: str) -> None:
        """Say once that the token is worth nothing any more; webhooks have tokens of their own."""
        if not self._unauthorised and OTHER_TOKENS.search(path) is None:
            self._unauthorised = True
            log.error("discord.token_refused", mend=BAD_TOKEN)

    def _note_landing(self) -> None:
        task = asyncio.current_task()
        landed = self._landings.get(task) if task is not None else None
        if landed is not None and not landed.done():
            landed.set_result(None)

    async def _refused(self, response: aiohttp.ClientResponse, channel: int | None) -> None:
        scope = response.headers.get("X-RateLimit-Scope", "user")
        everywhere = scope == "global" or "X-RateLimit-Global" in response.headers
        retry_after = _number(response.headers.get("Retry-After")) or 1.0
        self._observer.note(LimitMet(PLATFORM, edit=channel is not None))
        log.warning("discord.rate_limited", url=response.url.path, scope=scope, wait=retry_after)
        if everywhere:
            self._budget.refused(retry_after)
            if self.unlock is not None:
                asyncio.get_running_loop().call_later(retry_after, self.unlock)
        elif channel is not None:
            self._budget.refused(retry_after, channel, ours=scope != "shared")


def limits_of(headers: Mapping[str, str]) -> Limits | None:
    """The limits an answer reveals; None where it reveals none, or nonsense."""
    limit = _number(headers.get("X-RateLimit-Limit"))
    remaining = _number(headers.get("X-RateLimit-Remaining"))
    reset_after = _number(headers.get("X-RateLimit-Reset-After"))
    if limit is None or remaining is None or reset_after is None:
        return None
    return Limits(int(limit), int(remaining), reset_after)


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _edited_channel(method: str, path: str) -> int | None:
    found = EDIT.search(path) if method == "PATCH" else None
    return int(found[1]) if found else None
