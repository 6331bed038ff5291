"""How the app is told: envelopes of events, their retries, doubles and disorder."""

# ruff: noqa: ASYNC109 - tests say how long they are ready to wait

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tests.loopback.changes import PATIENCE
from tests.loopback.slack.scopes import EVENTS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tests.loopback.slack.drafts import Event
    from tests.loopback.slack.model import Json, Message
    from tests.loopback.slack.world import World

EVENT, COMMAND, INTERACTIVE = "events_api", "slash_commands", "interactive"
LAST_WORDS = ("app_uninstalled", "tokens_revoked")


class NotDelivered(Exception):
    """An attempt failed; `final` if the app wants no other."""

    def __init__(self, reason: str, *, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.final = final


@dataclass(frozen=True)
class Parcel:
    """One attempt to tell the app something."""

    kind: str
    payload: Json
    attempt: int = 0
    reason: str = ""


class Line(Protocol):
    """A way to the app."""

    async def deliver(self, parcel: Parcel, patience: float) -> Json | None:
        """Bring it, and return what the acknowledgement holds. NotDelivered without one."""


class Dispatcher:
    """Everything that the app is told goes through here.

    `pauses` are the seconds before each retry of an event. `copies` is how often each event is
    sent altogether. Every payload ever sent is in `sent`, what was never taken in `given_up`.
    """

    def __init__(self, world: World, line: Line, examine: Callable[[Json], None]) -> None:
        self.line = line
        self.pauses: tuple[float, ...] = (0.0, 60.0, 300.0)
        self.copies = 1
        self.sent: list[Json] = []
        self.given_up: list[Json] = []
        self._world = world
        self._examine = examine
        self._about: dict[str, Message | None] = {}
        self._held: list[Json] | None = None
        self._running: set[asyncio.Task[None]] = set()
        world.listeners.append(self.publish)

    def publish(self, event: Event) -> None:
        """Tell an event, if the app subscribed to it and may know of it."""
        workspace = event.workspace
        scope = EVENTS.get(event.name, "")
        wanted = event.name in self._world.app.events
        if not (workspace.installed and wanted and (not scope or scope in workspace.scopes)):
            return
        payload = self._wrap(event)
        self._examine(payload)
        self._about[payload["event_id"]] = event.message
        if self._held is not None:
            self._held.append(payload)
        else:
            self._send(payload, self.copies)

    def hold(self) -> None:
        """Keep events back until `release`, so that their order can be changed."""
        self._held = []

    def release(self, *, reverse: bool = False, shuffle: bool = False) -> None:
        """Send what was kept back."""
        held, self._held = self._held or [], None
        if shuffle:
            random.shuffle(held)
        for payload in reversed(held) if reverse else held:
            self._send(payload, self.copies)

    def lose(self) -> None:
        """Give up what was kept back, as Slack does when nobody took it for long enough."""
        self.given_up += self._held or []
        self._held = None

    async def release_in_turn(self, *, reverse: bool = False) -> None:
        """Send what was kept back, each when the one before has been taken."""
        held, self._held = self._held or [], None
        for payload in reversed(held) if reverse else held:
            self._send(payload, self.copies)
            await self.settled()

    def repeat(self, message: Message, *, attempt: int = 1) -> None:
        """Send the events about a message once more, as a retry or (0) as a plain double."""
        for payload in list(self.sent):
            if self._about.get(payload.get("event_id", "")) is message:
                self._start(self._tell(payload, attempt, "http_timeout" if attempt else ""))

    async def ask(self, kind: str, payload: Json) -> Json | None:
        """Tell of a command or an interaction: once, and the answer must come in time."""
        self.sent.append(payload)
        return await self.line.deliver(Parcel(kind, payload), self._world.patience)

    async def settled(self, timeout: float = PATIENCE) -> None:
        """Until everything has been delivered or given up."""
        await self._world.changes.until(
            lambda: not self._running, timeout, lambda: f"{len(self._running)} on their way"
        )

    async def close(self) -> None:
        """Give up what is still on its way."""
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _send(self, payload: Json, copies: int) -> None:
        self.sent.append(payload)
        for _ in range(copies):
            self._start(self._tell(payload))

    def _start(self, telling: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(telling)
        self._running.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._world.changes.announce()

    async def _tell(self, payload: Json, attempt: int = 0, reason: str = "") -> None:
        while True:
            try:
                parcel = Parcel(EVENT, payload, attempt, reason)
                await self.line.deliver(parcel, self._world.patience)
            except NotDelivered as failure:
                if failure.final or attempt >= len(self.pauses):
                    self.given_up.append(payload)
                    return
                await asyncio.sleep(self.pauses[attempt])
                attempt, reason = attempt + 1, failure.reason
            else:
                return

    def _wrap(self, event: Event) -> Json:
        workspace, world = event.workspace, self._world
        authorization = {
            "enterprise_id": workspace.enterprise_id,
            "team_id": None if workspace.org_wide else workspace.id,
            "user_id": workspace.bot.id,
            "is_bot": True,
            "is_enterprise_install": workspace.org_wide,
        }
        payload = {
            "token": world.app.verification_token,
            "team_id": workspace.id,
            "api_app_id": world.app.id,
            "event": event.body,
            "type": "event_callback",
            "event_id": world.ids.next("Ev"),
            "event_time": int(time.time()),
            "authorizations": [] if event.name in LAST_WORDS else [authorization],
            "is_ext_shared_channel": False,
            "event_context": f"4-{event.name}",
        }
        if workspace.enterprise_id:
            payload["enterprise_id"] = workspace.enterprise_id
        return payload
