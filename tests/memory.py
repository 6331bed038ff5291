"""An Inbox and Personas that keep everything in memory and let tests wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.errors import Forbidden, QuipuError, TooLong
from bot.values import Author, Inbound, Persona, Place


@dataclass
class MemoryInbox:
    """Claims each message once, in order."""

    accepted: list[Inbound] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    amended: list[tuple[str, str, str]] = field(default_factory=list)
    withdrawn: list[tuple[str, str]] = field(default_factory=list)
    stopped: list[tuple[str, Author]] = field(default_factory=list)
    writing: bool = True
    failure: QuipuError | None = None

    def __post_init__(self) -> None:
        self._changed = asyncio.Condition()

    async def accept(self, inbound: Inbound) -> bool:
        if self.failure is not None:
            raise self.failure
        async with self._changed:
            known = any(one.message_id == inbound.message_id for one in self.accepted)
            if known:
                self.duplicates.append(inbound.message_id)
            else:
                self.accepted.append(inbound)
            self._changed.notify_all()
        return not known

    async def amend(self, place: Place, message_id: str, text: str) -> None:
        async with self._changed:
            self.amended.append((place.id, message_id, text))
            self._changed.notify_all()

    async def withdraw(self, place: Place, message_id: str) -> None:
        async with self._changed:
            self.withdrawn.append((place.id, message_id))
            self._changed.notify_all()

    async def stop(self, place: Place, author: Author) -> bool:
        async with self._changed:
            self.stopped.append((place.id, author))
            self._changed.notify_all()
        return self.writing

    async def until(self, true: Callable[[MemoryInbox], bool]) -> None:
        async with asyncio.timeout(30), self._changed:
            await self._changed.wait_for(lambda: true(self))

    async def next(self) -> Inbound:
        count = len(self.accepted)
        await self.until(lambda inbox: len(inbox.accepted) > count)
        return self.accepted[-1]


@dataclass
class MemoryAbsences:
    """Writes down what was heard. Nothing is ever missed."""

    heard: list[tuple[str, datetime]] = field(default_factory=list)
    changes: list[tuple[str, str]] = field(default_factory=list)
    margin: timedelta = timedelta(0)
    failed: asyncio.Event = field(default_factory=asyncio.Event)

    @contextmanager
    def hearing(self, platform: str, said_at: datetime | None) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.failed.set()
            raise
        if said_at is not None:
            self.heard.append((platform, said_at))

    def lost(self, platform: str) -> None:
        self.changes.append((platform, "lost"))

    def kept(self, platform: str) -> None:
        self.changes.append((platform, "kept"))

    def clock(self, platform: str, date: str | None) -> None:
        """It is the same here."""

    async def begin(self, platform: str, margin: timedelta) -> None:
        self.changes.append((platform, "begun"))
        self.margin = margin

    async def undone(self, platform: str) -> None:  # noqa: ARG002
        await asyncio.Event().wait()

    async def again(self, platform: str, margin: timedelta) -> None:
        """Nothing is left undone."""

    async def familiar(self, platform: str) -> list[Place]:
        self.changes.append((platform, "familiar"))
        return []

    async def direct(self, platform: str) -> list[Place]:
        self.changes.append((platform, "direct"))
        return []


@dataclass
class MemoryPersonas:
    """Personas by channel, with the rules of the core: admins only, and a length."""

    longest: int = 3000
    default: Persona = field(default_factory=lambda: Persona("You are Quipu."))
    saved: dict[str, list[Persona]] = field(default_factory=dict)
    failure: Exception | None = None

    async def show(self, place: Place, author: Author | None = None) -> Persona:  # noqa: ARG002
        if self.failure is not None:
            raise self.failure
        found = [self.saved[scope][-1] for scope in place.scopes if self.saved.get(scope)]
        return found[0] if found else self.default

    async def set(self, place: Place, text: str, author: Author) -> Persona:
        self._allow(author)
        if len(text) > self.longest:
            raise TooLong("too long", notice="That persona is too long for me.")
        versions = self.saved.setdefault(place.id, [])
        persona = Persona(text, len(versions) + 1, place.id, author.id)
        versions.append(persona)
        return persona

    async def clear(self, place: Place, author: Author) -> Persona:
        self._allow(author)
        self.saved.pop(place.id, None)
        return await self.show(place)

    def _allow(self, author: Author) -> None:
        if not author.manages:
            raise Forbidden
