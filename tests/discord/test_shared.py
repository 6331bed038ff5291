"""The roles of people in direct messages."""

from __future__ import annotations

import asyncio

import pytest

from adapters.discord import shared
from adapters.discord.shared import AGAIN, REMEMBERED, SharedRoles
from bot.errors import PlatformError
from bot.values import Author
from tests.discord.stage import Stage, connected
from tests.loopback.discord import DiscordServer


class Asking:
    """Roles of Ann's, asked for as her direct messages come."""

    def __init__(self, live: Stage, *named: str) -> None:
        self.now = 0.0
        self.roles = SharedRoles(named, lambda: self.now)
        self.live = live

    async def now_told(self) -> tuple[str, ...]:
        ann, client = self.live.ann, self.live.messenger._client
        author = Author(str(ann.user.id), "Ann")
        return (await self.roles.vouched(client, self.live.place(ann.dms), author)).roles

    async def all_available(self, guilds: int) -> None:
        client = self.live.messenger._client
        async with asyncio.timeout(10):
            while sum(not guild.unavailable for guild in client.guilds) < guilds:  # noqa: ASYNC110
                await asyncio.sleep(0)

    @property
    def requests(self) -> int:
        return sum("/members/" in each.path for each in self.live.server.requests)


async def test_roles_are_remembered_for_minutes_and_hold_while_discord_does_not_tell(
    live: Stage,
) -> None:
    keepers = next(role for role in live.guild.roles if role.name == "keepers")
    asking, ann = Asking(live, str(keepers.id)), live.guild.members[live.ann.user.id]
    assert str(keepers.id) not in await asking.now_told()
    ann.roles.append(keepers)
    assert str(keepers.id) not in await asking.now_told()
    assert asking.requests == 1
    asking.now = REMEMBERED
    assert str(keepers.id) in await asking.now_told()
    asking.now = 3 * REMEMBERED
    live.server.faults.refuse("GET", f"/guilds/{live.guild.id}/members/{live.ann.user.id}", 60.0)
    assert str(keepers.id) in await asking.now_told()


async def test_who_is_in_none_of_the_guilds_has_no_roles(live: Stage) -> None:
    keepers = next(role for role in live.guild.roles if role.name == "keepers")
    del live.guild.members[live.ann.user.id]
    assert await Asking(live, str(keepers.id)).now_told() == ()


async def test_of_a_guild_that_is_away_nothing_is_guessed(live: Stage) -> None:
    asking = Asking(live, "77")
    assert await asking.now_told() == ()
    asking.now = REMEMBERED
    [guild] = live.messenger._client.guilds
    guild.unavailable = True
    assert await asking.now_told() == ()
    with pytest.raises(PlatformError):
        await Asking(live, "77").now_told()


async def test_no_more_guilds_and_people_are_asked_and_remembered_than_fixed(
    live: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "MOST_REMEMBERED", 1)
    keepers = next(role for role in live.guild.roles if role.name == "keepers")
    asking = Asking(live, str(keepers.id))
    await asking.now_told()
    live.ann, live.rob = live.rob, live.ann
    assert str(keepers.id) in await asking.now_told()
    live.ann, live.rob = live.rob, live.ann
    await asking.now_told()
    assert asking.requests == 3


async def test_many_guilds_are_asked_side_by_side(
    discord_server: DiscordServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared, "PATIENCE", 30.0)
    roles = [discord_server.guild(f"guild {n}").role("keepers").id for n in range(8)]
    async with connected(discord_server) as live:
        asking = Asking(live, *map(str, roles))
        await asking.all_available(9)
        fault = discord_server.faults.hold("GET", "/members/", times=8)
        told = asyncio.create_task(asking.now_told())
        async with asyncio.timeout(10):
            while fault.seen < 8:  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0)
        fault.release()
        assert await told == ()


async def test_what_some_guilds_told_is_kept_and_the_others_are_left_in_peace_for_a_while(
    discord_server: DiscordServer,
) -> None:
    other = discord_server.guild("Puno")
    weavers = other.role("weavers")
    async with connected(discord_server) as live:
        keepers = next(role for role in live.guild.roles if role.name == "keepers")
        live.ann = live.rob
        asking = Asking(live, str(keepers.id), str(weavers.id))
        await asking.all_available(2)
        fault = discord_server.faults.fail("GET", f"/guilds/{other.id}/members/", status=503)
        for _ in range(2):
            with pytest.raises(PlatformError):
                await asking.now_told()
        assert (fault.seen, asking.requests) == (1, 2)
        asking.now = AGAIN
        assert str(keepers.id) in await asking.now_told()
        assert asking.requests == 3


async def test_a_guild_that_stays_silent_is_waited_for_once_in_a_while(
    live: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    keepers = next(role for role in live.guild.roles if role.name == "keepers")
    asking = Asking(live, str(keepers.id))
    known = await asking.now_told()
    asking.now = REMEMBERED
    monkeypatch.setattr(shared, "PATIENCE", 0.0)
    assert await asking.now_told() == known
    monkeypatch.setattr(shared, "PATIENCE", 30.0)
    before = asking.requests
    assert await asking.now_told() == known
    assert asking.requests == before


async def test_who_writes_twice_is_asked_for_once(live: Stage) -> None:
    keepers = next(role for role in live.guild.roles if role.name == "keepers")
    live.ann = live.rob
    asking = Asking(live, str(keepers.id))
    told = await asyncio.gather(asking.now_told(), asking.now_told())
    assert all(str(keepers.id) in roles for roles in told)
    assert asking.requests == 1


async def test_a_role_that_no_guild_has_is_not_looked_for_in_a_guild_that_is_away(
    live: Stage,
) -> None:
    asking = Asking(live, "77")
    assert await asking.now_told() == ()
    [guild] = live.messenger._client.guilds
    guild.unavailable = True
    live.ann = live.rob
    assert await asking.now_told() == ()
