"""What lists and limits hold in private: the operator's everywhere, a workspace's in its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from adapters.discord import shared
from tests.contract.conftest import set_up
from tests.contract.discord_stage import DiscordStage
from tests.loopback.discord import DiscordServer, Guild
from tests.loopback.discord.model import Member, Role

PLATFORMS = pytest.mark.parametrize("platform", ["discord", "slack"])


@PLATFORMS
async def test_a_workspaces_list_and_limit_hold_in_private_where_that_belongs_to_it(
    platform: str, small_model: Path, tmp_path: Path
) -> None:
    async with set_up(platform, small_model, tmp_path) as stage:
        bob = stage.named("bob")
        await stage.uses("olga", "limits", person_messages=1, where="workspace")
        await stage.uses("olga", "access deny", person=bob, where="workspace")
        own = platform == "discord"
        _, where = await stage.writes("bob", "hello")
        told = "You said: hello" if own else "may not talk"
        await stage.shown(where, lambda shown: told in "".join(shown))
        for number in (1, 2):
            _, where = await stage.writes("ann", f"message {number}")
            await stage.shown(where, lambda shown, n=number: len(shown) == n)  # type: ignore[misc]
            await stage.quiet()
        told = "You said: message 2" if own else "the whole workspace"
        await stage.shown(where, lambda shown: told in shown[-1])


def town(server: DiscordServer) -> tuple[Guild, Role]:
    """A second guild, with a role that the operator's lists name."""
    guild = server.guild("Puno")
    return guild, guild.role("ravers")


def staged(server: DiscordServer, model: Path, folder: Path, **access: Any) -> DiscordStage:
    return DiscordStage(server, model, folder, access=access)


async def test_who_the_operator_denies_by_a_role_is_denied_in_private_as_well(
    discord_server: DiscordServer, small_model: Path, tmp_path: Path
) -> None:
    guild, ravers = town(discord_server)
    denied = [f"discord:role:{ravers.id}"]
    async with staged(discord_server, small_model, tmp_path, deny=denied) as stage:
        bob = stage._people["bob"]
        guild.members[bob.user.id] = Member(bob.user, roles=[ravers])
        _, where = await stage.writes("bob", "hello")
        await stage.shown(where, lambda shown: "may not talk" in "".join(shown))
        assert "may not talk" in await stage.uses("bob", "usage", where)
        assert "privacy" in await stage.uses("bob", "help", where)
        _, where = await stage.writes("ann", "hello")
        await stage.shown(where, lambda shown: shown == ["You said: hello"])
        asked = [each for each in discord_server.requests if "/members/" in each.path]
        assert {each.path.split("/")[-3] for each in asked} == {str(guild.id)}


async def test_who_the_operator_allows_by_a_role_is_heard_in_private(
    discord_server: DiscordServer, small_model: Path, tmp_path: Path
) -> None:
    guild, ravers = town(discord_server)
    allowed = [f"role:{ravers.id}", "role:S0SLACK"]
    async with staged(discord_server, small_model, tmp_path, allow=allowed) as stage:
        ann = stage._people["ann"]
        guild.members[ann.user.id] = Member(ann.user, roles=[ravers])
        _, where = await stage.writes("ann", "hello")
        await stage.shown(where, lambda shown: shown == ["You said: hello"])
        _, where = await stage.writes("bob", "hello")
        await stage.shown(where, lambda shown: "may not talk" in "".join(shown))


async def test_while_discord_does_not_tell_the_roles_nobody_slips_in_and_all_are_told(
    discord_server: DiscordServer,
    small_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shared, "AGAIN", 0.0)
    guild, ravers = town(discord_server)
    denied = [f"role:{ravers.id}"]
    async with staged(discord_server, small_model, tmp_path, deny=denied) as stage:
        bob = stage._people["bob"]
        guild.members[bob.user.id] = Member(bob.user, roles=[ravers])
        discord_server.faults.refuse("GET", f"/guilds/{guild.id}/members/{bob.user.id}", 60.0)
        _, where = await stage.writes("bob", "hello")
        await stage.shown(where, lambda shown: "please ask me again" in "".join(shown))
        assert stage.generator.prompts == []
        discord_server.faults.clear()
        _, where = await stage.writes("bob", "hello")
        await stage.shown(where, lambda shown: "may not talk" in shown[-1])


async def test_without_a_listed_role_nobody_is_asked_for(
    discord_server: DiscordServer, small_model: Path, tmp_path: Path
) -> None:
    town(discord_server)
    async with staged(discord_server, small_model, tmp_path, deny=["person:1"]) as stage:
        _, where = await stage.writes("bob", "hello")
        await stage.shown(where, lambda shown: shown == ["You said: hello"])
        assert not [each for each in discord_server.requests if "/members/" in each.path]
