"""The gateway: sessions with numbered events, and the sockets that come and go under them."""

# ruff: noqa: ASYNC109 - tests say how long they are ready to wait

from __future__ import annotations

import asyncio
import json
import secrets
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from tests.loopback.changes import PATIENCE
from tests.loopback.discord import payloads
from tests.loopback.discord.events import CONTENT, GUILDS, MEMBERS, PRESENCES, Event
from tests.loopback.discord.wire import Compression, compression

if TYPE_CHECKING:
    from tests.loopback.discord.model import Json, Message
    from tests.loopback.discord.world import World

DISPATCH, HEARTBEAT, IDENTIFY, PRESENCE, RESUME = 0, 1, 2, 3, 6
RECONNECT, REQUEST_MEMBERS, INVALID_SESSION, HELLO, HEARTBEAT_ACK = 7, 8, 9, 10, 11
UNKNOWN_OPCODE, NOT_AUTHENTICATED, WRONG_TOKEN, TWICE, DISALLOWED_INTENTS = (
    4001,
    4003,
    4004,
    4005,
    4014,
)
ENDING_CODES = (1000, 1001)


class Connection:
    """One socket. Packets are queued, so that telling it something never waits."""

    def __init__(self, socket: web.WebSocketResponse, request: web.Request) -> None:
        self.socket = socket
        self.session: Session | None = None
        self.silent = False
        self._request = request
        self._packing: Compression = compression(request.query.get("compress"))
        self._outgoing: asyncio.Queue[str] = asyncio.Queue()

    def send(self, op: int, data: Any = None, **more: Any) -> None:
        """Queue a packet."""
        self._outgoing.put_nowait(json.dumps({"op": op, "d": data, "s": None, "t": None} | more))

    async def write(self) -> None:
        """Send what is queued, for as long as the socket lives."""
        with suppress(ConnectionError):
            while True:
                packed = self._packing.pack(await self._outgoing.get())
                if self.silent:
                    continue
                if isinstance(packed, str):
                    await self.socket.send_str(packed)
                else:
                    await self.socket.send_bytes(packed)

    def kill(self) -> None:
        """Cut the line without a word, as a lost network does."""
        if self._request.transport is not None:
            self._request.transport.abort()


class Session:
    """What one IDENTIFY began; it outlives its sockets and remembers what it said."""

    def __init__(self, intents: int, connection: Connection) -> None:
        self.id = secrets.token_hex(16)
        self.intents = intents
        self.connection: Connection | None = connection
        self.log: list[Json] = []
        connection.session = self

    def tell(self, event: Event) -> None:
        """Number an event, keep it, and send it if anybody is there."""
        if self.wants(event):
            data = event.data(self.intents)
            packet = {"d": data, "s": len(self.log) + 1, "t": event.name}
            self.log.append(packet)
            if self.connection is not None:
                self.connection.send(DISPATCH, **packet)

    def wants(self, event: Event) -> bool:
        """Whether it asked for such events."""
        return not event.intents or bool(event.intents & self.intents)

    def replay(self, after: int, connection: Connection) -> None:
        """Send again on a new socket what came after a number."""
        self.connection = connection
        connection.session = self
        for packet in self.log[after:]:
            connection.send(DISPATCH, **packet)
        self.tell(Event("RESUMED", 0, lambda _: {}))


class Gateway:
    """All sessions of the bot. Tests cut lines, repeat events and read the counters here."""

    def __init__(self, world: World, token: str, *, url: str, allowed_intents: int) -> None:
        self.url = url
        self.allowed_intents = allowed_intents
        self.heartbeat_interval = 41.25
        self.identifies = 0
        self.resumes = 0
        self.resumable = True
        self.heartbeats = 0
        self.closed_with: list[int] = []
        self.sessions: dict[str, Session] = {}
        self.token = token
        self._world = world
        self._connections: set[Connection] = set()
        self._held: list[tuple[Session, str, Json]] | None = None
        world.listeners.append(self.publish)

    def publish(self, event: Event) -> None:
        """Tell every session that asked for such events."""
        for session in self.sessions.values():
            if self._held is None:
                session.tell(event)
            elif session.wants(event):
                self._held.append((session, event.name, event.data(session.intents)))

    def hold(self) -> None:
        """Keep events back until `release`, so that their order can be changed."""
        self._held = []

    def release(self, *, reverse: bool = False) -> None:
        """Send what was kept back, each as it was to be told when it happened."""
        held, self._held = self._held or [], None
        for session, name, data in reversed(held) if reverse else held:
            session.tell(Event(name, 0, partial(_as_it_was, data)))

    def repeat(self, message: Message) -> None:
        """Send the event of a message once more, as Discord sometimes does."""
        self._world.tell("MESSAGE_CREATE", message)

    def kill(self) -> None:
        """Cut every line; the sessions can be resumed."""
        for connection in list(self._connections):
            self._detach(connection)
            connection.kill()

    def silence(self) -> None:
        """Every line stays open, but nothing comes and nothing is heard any more."""
        for connection in list(self._connections):
            self._detach(connection)
            connection.silent = True

    async def close_with(self, code: int) -> None:
        """Close every line with a code; what can be resumed is Discord's to know."""
        for connection in list(self._connections):
            self.closed_with.append(code)
            await connection.socket.close(code=code)

    def invalidate(self, *, resumable: bool = False) -> None:
        """Send INVALID_SESSION on every line."""
        if not resumable:
            self.forget_sessions()
        for connection in self._connections:
            connection.send(INVALID_SESSION, resumable)

    def ask_to_reconnect(self) -> None:
        """Send RECONNECT on every line."""
        for connection in self._connections:
            connection.send(RECONNECT)

    def forget_sessions(self) -> None:
        """From now on nobody can resume."""
        self.sessions.clear()

    async def wait_connected(self, timeout: float = PATIENCE) -> None:
        """Until a bot has identified or resumed and holds a line."""
        await self._world.changes.until(
            lambda: any(session.connection for session in self.sessions.values()),
            timeout,
            lambda: f"{self.identifies} identifies, {self.resumes} resumes, {self.closed_with}",
        )

    async def wait_identified(self, count: int = 1, timeout: float = PATIENCE) -> None:
        """Until so many IDENTIFYs have come; a restarted bot sends one more."""
        await self._world.changes.until(
            lambda: self.identifies >= count, timeout, lambda: f"{self.identifies} identifies"
        )

    async def wait_again(self, before: int, timeout: float = PATIENCE) -> None:
        """Until there have been more IDENTIFYs and RESUMEs than before, and the bot has a line."""
        await self._world.changes.until(
            lambda: (
                self.identifies + self.resumes > before
                and any(session.connection for session in self.sessions.values())
            ),
            timeout,
            lambda: f"{self.identifies} identifies, {self.resumes} resumes, {self.closed_with}",
        )

    async def wait_resumed(self, count: int = 1, timeout: float = PATIENCE) -> None:
        """Until so many RESUMEs have been granted."""
        await self._world.changes.until(
            lambda: self.resumes >= count, timeout, lambda: f"{self.resumes} resumes"
        )

    async def close(self) -> None:
        """End every line."""
        for connection in list(self._connections):
            await connection.socket.close(code=1001)

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Handle one socket from HELLO to its end."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        connection = Connection(socket, request)
        self._connections.add(connection)
        writer = asyncio.create_task(connection.write())
        connection.send(HELLO, {"heartbeat_interval": int(self.heartbeat_interval * 1000)})
        try:
            async for packet in socket:
                if packet.type is WSMsgType.TEXT:
                    await self._hear(connection, json.loads(packet.data))
        finally:
            writer.cancel()
            self._ended(connection)
        return socket

    async def _hear(self, connection: Connection, packet: Json) -> None:
        op, data = packet["op"], packet.get("d") or {}
        if connection.silent:
            return
        if op == HEARTBEAT:
            self.heartbeats += 1
            connection.send(HEARTBEAT_ACK)
        elif op == IDENTIFY:
            await self._identify(connection, data)
        elif op == RESUME:
            await self._resume(connection, data)
        elif connection.session is None:
            await self._refuse(connection, NOT_AUTHENTICATED)
        elif op == REQUEST_MEMBERS:
            self._members(connection.session, data)
        elif op != PRESENCE:
            await self._refuse(connection, UNKNOWN_OPCODE)

    async def _identify(self, connection: Connection, data: Json) -> None:
        self.identifies += 1
        if connection.session is not None:
            return await self._refuse(connection, TWICE)
        if data["token"] != self.token:
            return await self._refuse(connection, WRONG_TOKEN)
        if data["intents"] & (MEMBERS | PRESENCES | CONTENT) & ~self.allowed_intents:
            return await self._refuse(connection, DISALLOWED_INTENTS)
        # A session that nobody listens to any more would only gather events.
        self.sessions = {s.id: s for s in self.sessions.values() if s.connection}
        session = Session(data["intents"], connection)
        self.sessions[session.id] = session
        self._welcome(session, data.get("shard"))
        self._world.changes.announce()
        return None

    def _welcome(self, session: Session, shard: list[int] | None) -> None:
        guilds = list(self._world.guilds.values())
        ready = {
            "v": 10,
            "user": payloads.user(self._world.bot),
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "session_id": session.id,
            "resume_gateway_url": self.url,
            "application": {
                "id": str(self._world.application_id),
                "flags": self._world.application_flags,
            },
        } | ({"shard": shard} if shard else {})
        session.tell(Event("READY", 0, lambda _: ready))
        for guild in guilds:
            session.tell(Event("GUILD_CREATE", GUILDS, partial(self._world.guild_create, guild)))

    async def _resume(self, connection: Connection, data: Json) -> None:
        if data["token"] != self.token:
            return await self._refuse(connection, WRONG_TOKEN)
        session = self.sessions.get(data["session_id"])
        after = data["seq"] or 0
        if session is None or not self.resumable or after > len(session.log):
            return connection.send(INVALID_SESSION, False)
        session.replay(after, connection)
        self.resumes += 1
        self._world.changes.announce()
        return None

    def _members(self, session: Session, data: Json) -> None:
        guild = self._world.guilds[int(data["guild_id"])]
        wanted = {int(item) for item in data.get("user_ids") or []}
        found = [m for m in guild.members.values() if not wanted or m.user.id in wanted]
        chunk = {
            "guild_id": str(guild.id),
            "members": [payloads.member(member) for member in found],
            "chunk_index": 0,
            "chunk_count": 1,
            "nonce": data.get("nonce"),
        }
        session.tell(Event("GUILD_MEMBERS_CHUNK", 0, lambda _: chunk))

    async def _refuse(self, connection: Connection, code: int) -> None:
        self.closed_with.append(code)
        await connection.socket.close(code=code)

    def _ended(self, connection: Connection) -> None:
        session = connection.session
        if session and connection.socket.close_code in ENDING_CODES:
            self.sessions.pop(session.id, None)
        self._detach(connection)

    def _detach(self, connection: Connection) -> None:
        self._connections.discard(connection)
        if connection.session and connection.session.connection is connection:
            connection.session.connection = None
        self._world.changes.announce()


def _as_it_was(data: Json, _intents: int) -> Json:
    return data
