"""The roles of people in direct messages."""

from __future__ import annotations

import pytest

from adapters.discord import shared
from adapters.discord.shared import REMEMBERED, SharedRoles
from bot.errors import PlatformError
from bot.values import Author
from tests.discord.stage import Stage


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
