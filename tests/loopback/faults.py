"""What can go wrong on purpose: errors, lost connections and delays for chosen requests."""

# ruff: noqa: ASYNC109 - tests say how long they are ready to wait

from __future__ import annotations

import asyncio
import re
import socket
import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.loopback.changes import PATIENCE

if TYPE_CHECKING:
    from aiohttp import web


@dataclass(eq=False)
class Fault:
    """What happens to the next `times` requests that fit.

    `after` lets the request do its work first, so that only the answer is lost. A fault with
    neither status nor `reset` nor `body` only delays: by `delay` seconds, or until `release` is
    called. `body` is what stands in the answer instead of the platform's own, `wait` what a 429
    asks for, `everywhere` whether for all requests.
    """

    method: str
    path: str
    times: int = 1
    status: int | None = None
    error: str = ""
    reset: bool = False
    after: bool = False
    delay: float = 0.0
    held: bool = False
    body: str | None = None
    kind: str = "application/json"
    wait: float = 0.0
    everywhere: bool = False
    seen: int = 0
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    def fits(self, method: str, path: str) -> bool:
        """Whether it is meant for this request, and not yet used up."""
        fresh = self.seen < self.times
        return fresh and method == self.method and re.search(self.path, path) is not None

    def release(self) -> None:
        """Let the held requests go on."""
        self._released.set()

    async def reached(self, timeout: float = PATIENCE) -> None:
        """Until a request has met this fault."""
        await asyncio.wait_for(self._arrived.wait(), timeout)

    async def pause(self) -> None:
        """Delay a request as told."""
        self._arrived.set()
        if self.held:
            await self._released.wait()
        if self.delay:
            await asyncio.sleep(self.delay)


class Faults:
    """The faults in waiting, oldest first."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def fail(
        self,
        method: str,
        path: str,
        *,
        status: int = 500,
        error: str = "",
        times: int = 1,
        after: bool = False,
    ) -> Fault:
        """Answer the next fitting requests with a status; `path` is a regular expression.

        `error` is the platform's own word for what went wrong, where it has such words.
        """
        return self._add(Fault(method, path, times, status=status, error=error, after=after))

    def refuse(
        self, method: str, path: str, wait: float, *, everywhere: bool = False, times: int = 1
    ) -> Fault:
        """Answer that there were too many requests, and when to come again."""
        fault = Fault(method, path, times, status=429, wait=wait, everywhere=everywhere)
        return self._add(fault)

    def garble(
        self,
        method: str,
        path: str,
        body: str,
        *,
        status: int = 200,
        kind: str = "application/json",
        times: int = 1,
        after: bool = False,
    ) -> Fault:
        """Answer with something that the platform would not say, as a proxy before it may."""
        fault = Fault(method, path, times, status=status, body=body, kind=kind, after=after)
        return self._add(fault)

    def drop(self, method: str, path: str, *, times: int = 1, after: bool = False) -> Fault:
        """Reset the connection instead of answering, before or after doing what was asked."""
        return self._add(Fault(method, path, times, reset=True, after=after))

    def hold(
        self, method: str, path: str, *, times: int = 1, after: bool = False, reset: bool = False
    ) -> Fault:
        """Keep requests waiting until `release`; with `reset` the connection is lost then."""
        return self._add(Fault(method, path, times, held=True, after=after, reset=reset))

    def slow(self, method: str, path: str, seconds: float, *, times: int = 1_000_000) -> Fault:
        """Answer late, as a far network does."""
        return self._add(Fault(method, path, times, delay=seconds))

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        for fault in self._faults:
            fault.times = 0
            fault.release()
        self._faults.clear()

    def meet(self, method: str, path: str) -> Fault | None:
        """The fault for this request, counted as used."""
        for fault in self._faults:
            if fault.fits(method, path):
                fault.seen += 1
                return fault
        return None

    def _add(self, fault: Fault) -> Fault:
        self._faults.append(fault)
        return fault


def reset(request: web.Request) -> None:
    """Cut the connection so that the client sees a reset, not an end."""
    transport = request.transport
    if transport is None:
        return
    line = transport.get_extra_info("socket")
    if line is not None:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
