"""What the doctor finds on the Discord side."""

from __future__ import annotations

from adapters.discord.doctor import examine
from bot.values import Finding
from tests.loopback.discord import DiscordServer


async def found(
    server: DiscordServer, *, token: str = "", message_content: bool = False
) -> list[Finding]:
    return await examine(
        token or server.token, api_url=server.api_url, message_content=message_content
    )


def troubles(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.severity != "ok"]


async def test_a_sound_set_up_has_nothing_to_mend(discord_server: DiscordServer) -> None:
    discord_server.guild()
    findings = await found(discord_server)
    assert not troubles(findings)
    assert "Quipu" in findings[0].text


async def test_a_wrong_token_is_an_error(discord_server: DiscordServer) -> None:
    [finding] = await found(discord_server, token="wrong")
    assert finding.severity == "error"
    assert "Reset Token" in finding.mend


async def test_a_bot_without_a_server_is_given_its_invitation(
    discord_server: DiscordServer,
) -> None:
    [finding] = troubles(await found(discord_server))
    assert finding.severity == "warning"
    assert f"client_id={discord_server.world.application_id}" in finding.mend
    assert "scope=bot+applications.commands" in finding.mend
    assert "permissions=309237713920" in finding.mend


async def test_an_intent_that_is_configured_but_not_granted_is_an_error(
    discord_server: DiscordServer,
) -> None:
    discord_server.guild()
    [finding] = troubles(await found(discord_server, message_content=True))
    assert finding.severity == "error"
    assert "Message Content Intent" in finding.mend


async def test_an_intent_that_is_granted_is_well(reading_discord_server: DiscordServer) -> None:
    reading_discord_server.guild()
    assert not troubles(await found(reading_discord_server, message_content=True))


async def test_discord_being_away_is_an_error(discord_server: DiscordServer) -> None:
    discord_server.faults.fail("GET", "/users/@me$", status=503)
    [finding] = await found(discord_server)
    assert finding.severity == "error"
    assert "discordstatus.com" in finding.mend


async def test_channels_whose_history_is_hidden_are_counted(discord_server: DiscordServer) -> None:
    guild = discord_server.guild("Cuzco")
    guild.channel("knots")
    hidden = guild.channel("hidden")
    hidden.deny(guild.everyone, "read_message_history")
    guild.channel("unseen").deny(guild.everyone, "view_channel", "read_message_history")
    [finding] = troubles(await found(discord_server))
    assert finding.severity == "warning"
    assert "1 of 2 channels in Cuzco" in finding.text
    assert "Read Message History" in finding.mend
