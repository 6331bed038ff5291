"""The roles that people have in the guilds which they share with the bot.

A direct message carries none. Where the operator's lists name roles, they are asked for, in no more
guilds than have such a role; Discord tells of one member at a time without a privileged intent.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

import discord
import structlog

from adapters.discord.failures import translated
from bot.errors import PlatformError
from bot.values import Author, Place

log = structlog.get_logger(__name__)

REMEMBERED = 300.0
MOST_REMEMBERED = 10_000
MOST_GUILDS = 20
PATIENCE = 2.0
"""Seconds; an interaction wants its answer within three."""


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody's roles, and until when they are not asked for again."""

    until: float
    roles: tuple[str, ...]


class SharedRoles:
    """`named` are the roles that lists name, by their ids; others are not looked for."""

    def __init__(
        self, named: Collection[str] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._named = frozenset(int(role) for role in named if role.isdecimal())
        self._clock = clock
        self._known: OrderedDict[str, Known] = OrderedDict()

    async def vouched(self, client: discord.Client, place: Place, author: Author) -> Author:
        """The author of something private with their roles; elsewhere as they are.

        What Discord told last holds while it does not tell; PlatformError if it never told.
        """
        if not place.private or not self._named:
            return author
        known = self._known.get(author.id)
        if known is None or known.until <= self._clock():
            known = await self._asked(client, author.id, known)
        return replace(author, roles=known.roles)

    async def _asked(self, client: discord.Client, person: str, known: Known | None) -> Known:
        try:
            with translated(f"the roles of {person}"):
                async with asyncio.timeout(PATIENCE):
                    roles = await self._roles(client, int(person))
        except PlatformError as error:
            log.info("discord.roles_not_told", person=person, reason=str(error))
            if known is None:
                raise
            return known
        self._known[person] = found = Known(self._clock() + REMEMBERED, roles)
        self._known.move_to_end(person)
        while len(self._known) > MOST_REMEMBERED:
            self._known.popitem(last=False)
        return found

    async def _roles(self, client: discord.Client, person: int) -> tuple[str, ...]:
        guilds = [guild for guild in client.guilds if self._named.intersection(_ids(guild))]
        missing = self._named.difference(*map(_ids, guilds))
        if missing and any(guild.unavailable for guild in client.guilds):
            raise PlatformError("a guild that may have one of the roles is not available")
        if len(guilds) > MOST_GUILDS:
            log.warning("discord.too_many_guilds_with_listed_roles", guilds=len(guilds))
        found = [await _in(guild, person) for guild in guilds[:MOST_GUILDS]]
        return tuple(dict.fromkeys(role for roles in found for role in roles))


def _ids(guild: discord.Guild) -> set[int]:
    return {role.id for role in guild.roles}


async def _in(guild: discord.Guild, person: int) -> tuple[str, ...]:
    try:
        member: Any = await guild.fetch_member(person)
    except discord.NotFound:  # they are not in this guild
        return ()
    return tuple(str(role.id) for role in member.roles)
