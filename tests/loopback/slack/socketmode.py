"""Socket Mode: connections that come and go, each envelope on any one of them."""

# ruff: noqa: ASYNC109 - tests say how long they are ready to wait

from __future__ import annotations

import asyncio
import json
import random
import secrets
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import WSMsgType, web

from tests.loopback.changes import PATIENCE
from tests.loopback.slack.dispatch import EVENT, INTERACTIVE, NotDelivered, Parcel
from tests.loopback.slack.errors import ApiError

if TYPE_CHECKING:
    from tests.loopback.slack.calls import Answers, Call
    from tests.loopback.slack.model import Json
    from tests.loopback.slack.world import World

PATH = "/link/"
MOST = 10
HOST = "applink-loopback"


@dataclass(frozen=True)
class Ack:
    """What the app said to an envelope, and on which connection."""

    envelope_id: str
    payload: Json | None
    connection: int


class Connection:
    """One socket. Packets are queued, so that telling it something never waits."""

    def __init__(self, number: int, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.number = number
        self.socket = socket
        self.retiring = False
        self.silent = False
        self.envelopes: list[Json] = []
        self._request = request
        self._outgoing: asyncio.Queue[Json] = asyncio.Queue()

    def send(self, packet: Json) -> None:
        """Queue a packet."""
        if "envelope_id" in packet:
            self.envelopes.append(packet)
        self._outgoing.put_nowait(packet)

    async def write(self) -> None:
        """Send what is queued, for as long as the socket lives."""
        with suppress(ConnectionError):
            while True:
                packet = await self._outgoing.get()
                if not self.silent:
                    await self.socket.send_json(packet)

    def silence(self) -> None:
        """Read nothing and say nothing any more, as if the network had gone between us."""
        self.silent = True
        if self._request.transport is not None:
            self._request.transport.pause_reading()

    def kill(self) -> None:
        """Cut the line without a word, as a lost network does."""
        self.retiring = True
        if self._request.transport is not None:
            self._request.transport.abort()


class SocketMode:
    """All connections of the app. Tests cut them, send them away and read the counters here.

    `grace` is how long a connection that was asked to go is still served.
    """

    def __init__(self, world: World, url: str) -> None:
        self.connections: list[Connection] = []
        self.connects = 0
        self.acks: list[Ack] = []
        self.grace = 10.0
        self._world = world
        self._url = url
        self._tickets: set[str] = set()
        self._waiting: dict[str, asyncio.Future[Json | None]] = {}
        self._farewells: set[asyncio.Task[None]] = set()

    @property
    def open(self) -> list[Connection]:
        """The connections that still get envelopes."""
        return [connection for connection in self.connections if not connection.retiring]

    def methods(self) -> Answers:
        """Its methods by name."""
        return {"apps.connections.open": self.open_connection}

    def open_connection(self, call: Call) -> Json:
        """Give out a URL that can be used once."""
        if call.token != self._world.app.app_token:
            raise ApiError("invalid_auth")
        ticket = secrets.token_hex(8)
        self._tickets.add(ticket)
        return {"url": f"{self._url}?ticket={ticket}&app_id={self._world.app.id}"}

    async def deliver(self, parcel: Parcel, patience: float) -> Json | None:
        """Send an envelope over any connection and wait for its acknowledgement."""
        envelope_id = str(uuid.uuid4())
        taken: asyncio.Future[Json | None] = asyncio.get_running_loop().create_future()
        self._waiting[envelope_id] = taken
        try:
            async with asyncio.timeout(patience):
                await self.wait_connected(timeout=patience)
                random.choice(self.open).send(_envelope(envelope_id, parcel))
                return await taken
        except TimeoutError:
            raise NotDelivered("timeout") from None
        finally:
            del self._waiting[envelope_id]

    def kill(self, connection: Connection | None = None) -> None:
        """Cut one line, or every line."""
        for line in [connection] if connection else self.open:
            line.kill()

    def disconnect(
        self, reason: str = "refresh_requested", connection: Connection | None = None
    ) -> None:
        """Ask one connection or all to go: `warning`, `refresh_requested` or `link_disabled`."""
        for line in [connection] if connection else self.open:
            line.send(_farewell(reason))
            line.retiring = True
            task = asyncio.create_task(self._see_off(line))
            self._farewells.add(task)
            task.add_done_callback(self._farewells.discard)

    def silence(self) -> None:
        """Every line stays open, but nothing comes and nothing is answered any more."""
        for line in self.open:
            line.silence()

    async def wait_connected(self, count: int = 1, timeout: float = PATIENCE) -> None:
        """Until so many connections are open."""
        await self._world.changes.until(
            lambda: len(self.open) >= count, timeout, lambda: f"{len(self.open)} connections"
        )

    async def wait_connects(self, count: int, timeout: float = PATIENCE) -> None:
        """Until so many connections have been opened altogether."""
        await self._world.changes.until(
            lambda: self.connects >= count, timeout, lambda: f"{self.connects} connects"
        )

    async def wait_acks(self, count: int, timeout: float = PATIENCE) -> list[Ack]:
        """The acknowledgements, once there are so many."""
        await self._world.changes.until(
            lambda: len(self.acks) >= count, timeout, lambda: f"{len(self.acks)} acks"
        )
        return self.acks

    async def close(self) -> None:
        """End every line."""
        for task in list(self._farewells):
            task.cancel()
        for connection in list(self.connections):
            if connection.silent:
                connection.kill()
            else:
                await connection.socket.close(code=1001)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Handle one connection from hello to its end."""
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            return web.Response(status=404)
        self._tickets.discard(ticket)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.connects += 1
        connection = Connection(self.connects, socket, request)
        if len(self.open) >= MOST:
            await socket.send_json(_farewell("too_many_websockets"))
            await socket.close()
            return socket
        self.connections.append(connection)
        await self._converse(connection)
        return socket

    async def _converse(self, connection: Connection) -> None:
        connection.send(self._hello())
        self._world.changes.announce()
        writer = asyncio.create_task(connection.write())
        try:
            async for packet in connection.socket:
                if packet.type is WSMsgType.TEXT:
                    self._hear(connection, json.loads(packet.data))
        finally:
            writer.cancel()
            self.connections.remove(connection)
            self._world.changes.announce()

    def _hear(self, connection: Connection, packet: Json) -> None:
        envelope_id = packet["envelope_id"]
        self.acks.append(Ack(envelope_id, packet.get("payload"), connection.number))
        waiting = self._waiting.get(envelope_id)
        if waiting is not None and not waiting.done():
            waiting.set_result(packet.get("payload"))
        self._world.changes.announce()

    async def _see_off(self, connection: Connection) -> None:
        await asyncio.sleep(self.grace)
        await connection.socket.close()

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self.open),
            "debug_info": {
                "host": HOST,
                "build_number": 1,
                "approximate_connection_time": 18060,
            },
            "connection_info": {"app_id": self._world.app.id},
        }


def _farewell(reason: str) -> Json:
    return {"type": "disconnect", "reason": reason, "debug_info": {"host": HOST}}


def _envelope(envelope_id: str, parcel: Parcel) -> Json:
    submitted = parcel.payload.get("type") == "view_submission"
    envelope = {
        "envelope_id": envelope_id,
        "type": parcel.kind,
        "payload": parcel.payload,
        "accepts_response_payload": parcel.kind not in (EVENT, INTERACTIVE) or submitted,
    }
    if parcel.kind == EVENT:
        envelope |= {"retry_attempt": parcel.attempt, "retry_reason": parcel.reason}
    return envelope
