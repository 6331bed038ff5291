"""The roles that people have in the guilds which they share with the bot.

A direct message carries none. Where the operator's lists name roles, they are asked for, in no more
guilds than have such a role; Discord tells of one member at a time without a privileged intent.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import discord
import structlog

from adapters.discord.failures import translated
from bot.errors import PlatformError
from bot.values import Author, Place

log = structlog.get_logger(__name__)

REMEMBERED = 300.0
AGAIN = 15.0
"""Seconds after which a guild that did not tell is asked again."""
MOST_REMEMBERED = 10_000
MOST_GUILDS = 20
AT_ONCE = 10
PATIENCE = 2.0
"""Seconds; an interaction wants its answer within three."""


@dataclass(frozen=True, slots=True)
class Told:
    """Somebody's roles in one guild, and until when it is not asked again."""

    until: float
    roles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What the guilds told of somebody. Not `whole` while one of them never did."""

    until: float = 0.0
    whole: bool = False
    told: Mapping[int, Told] = field(default_factory=dict)

    @property
    def roles(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(role for told in self.told.values() for role in told.roles))


class SharedRoles:
    """`named` are the roles that lists name, by their ids; others are not looked for."""

    def __init__(
        self, named: Collection[str] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._named = frozenset(int(role) for role in named if role.isdecimal())
        self._clock = clock
        self._known: OrderedDict[str, Known] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Known]] = {}
        self._having: dict[int, frozenset[int]] = {}

    async def vouched(self, client: discord.Client, place: Place, author: Author) -> Author:
        """The author of something private with their roles; elsewhere as they are.

        What Discord told last holds while it does not tell; PlatformError if it never told.
        """
        if not place.private or not self._named:
            return author
        known = self._known.get(author.id)
        if known is None or known.until <= self._clock():
            known = await self._asked(client, author.id)
        if not known.whole:
            raise PlatformError(f"Discord does not tell the roles of {author.id}")
        return replace(author, roles=known.roles)

    async def _asked(self, client: discord.Client, person: str) -> Known:
        """Who comes while the same is being asked waits for that answer."""
        asking = self._asking.get(person)
        if asking is None:
            asking = self._asking[person] = asyncio.create_task(self._ask(client, person))
            asking.add_done_callback(lambda _: self._asking.pop(person, None))
        return await asyncio.shield(asking)

    async def _ask(self, client: discord.Client, person: str) -> Known:
        before = self._known.get(person, Known())
        guilds, certain = self._guilds(client)
        told = {guild.id: before.told[guild.id] for guild in guilds if guild.id in before.told}
        now = self._clock()
        due = [guild for guild in guilds if guild.id not in told or told[guild.id].until <= now]
        until = self._clock() + REMEMBERED
        for guild_id, roles in (await _roles(due, int(person))).items():
            told[guild_id] = Told(until, roles)
        known = self._weighed(before, told, certain=certain and len(told) == len(guilds))
        self._known[person] = known
        self._known.move_to_end(person)
        while len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
        return known

    def _weighed(self, before: Known, told: Mapping[int, Told], *, certain: bool) -> Known:
        now = self._clock()
        until = min((each.until for each in told.values()), default=now + REMEMBERED)
        if not certain or until <= now:
            until = now + AGAIN
        return Known(until, certain or before.whole, told)

    def _guilds(self, client: discord.Client) -> tuple[list[discord.Guild], bool]:
        """Those with a listed role, and whether no other can have one.

        Of a guild that is away holds what it had before; a role that none has was deleted.
        """
        for guild in client.guilds:
            if not guild.unavailable:
                self._having[guild.id] = self._named.intersection(r.id for r in guild.roles)
        guilds = [guild for guild in client.guilds if self._having.get(guild.id)]
        if len(guilds) > MOST_GUILDS:
            log.warning("discord.too_many_guilds_with_listed_roles", guilds=len(guilds))
        missing = self._named.difference(*(self._having[guild.id] for guild in guilds))
        certain = not missing or all(guild.id in self._having for guild in client.guilds)
        if not certain:
            log.info("discord.roles_not_told", reason="a guild that may have one is not available")
        return guilds[:MOST_GUILDS], certain


async def _roles(guilds: Sequence[discord.Guild], person: int) -> dict[int, tuple[str, ...]]:
    """What each guild tells in time; those that do not are left out."""
    places = asyncio.Semaphore(AT_ONCE)
    asking = [asyncio.create_task(_in(guild, person, places)) for guild in guilds]
    try:
        if asking:
            await asyncio.wait(asking, timeout=PATIENCE)
    finally:
        for each in asking:
            each.cancel()
    answers = await asyncio.gather(*asking, return_exceptions=True)
    told = {}
    for guild, answer in zip(guilds, answers, strict=True):
        if isinstance(answer, PlatformError | asyncio.CancelledError):
            reason = str(answer) or "it takes too long"
            log.info("discord.roles_not_told", person=person, guild=guild.id, reason=reason)
        elif isinstance(answer, BaseException):
            raise answer
        else:
            told[guild.id] = answer
    return told


async def _in(guild: discord.Guild, person: int, places: asyncio.Semaphore) -> tuple[str, ...]:
    async with places:
        with translated(f"the roles of {person}"):
            try:
                member: Any = await guild.fetch_member(person)
            except discord.NotFound:  # they are not in this guild
                return ()
            return tuple(str(role.id) for role in member.roles)
