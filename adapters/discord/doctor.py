"""Checks the Discord side of a set-up against the live platform, and says how to mend it."""

from __future__ import annotations

import discord

from adapters.discord.client import keep_quiet_about_voice
from adapters.discord.failures import translated
from adapters.discord.mends import BAD_TOKEN, NO_INTENT, PORTAL
from adapters.discord.messenger import point_at
from bot.errors import PlatformError
from bot.values import Finding

SCOPES = ("bot", "applications.commands")
MOST_GUILDS = 10
"""Servers that are looked into; each costs three requests."""


def needed_permissions() -> discord.Permissions:
    """What the bot's role must be allowed in the channels it answers in."""
    return discord.Permissions(
        view_channel=True,
        send_messages=True,
        send_messages_in_threads=True,
        create_public_threads=True,
        read_message_history=True,
    )


async def examine(
    token: str, *, api_url: str | None = None, message_content: bool = False
) -> list[Finding]:
    """Sign in, look at the application, and sign out again; connects to no gateway."""
    point_at(api_url)
    keep_quiet_about_voice()
    client = discord.Client(intents=discord.Intents(guilds=True))
    try:
        with translated("doctor"):
            return await _examine(client, token, message_content=message_content)
    except discord.LoginFailure:
        return [Finding("error", "Discord does not accept the token", BAD_TOKEN)]
    except PlatformError as error:
        mend = "Check the network and https://discordstatus.com, then try again"
        return [Finding("error", f"Discord did not answer as expected: {error}", mend)]
    finally:
        await client.close()


async def _examine(client: discord.Client, token: str, *, message_content: bool) -> list[Finding]:
    await client.login(token)
    application = client.application
    if application is None:
        return [Finding("error", "Discord named no application for this token", BAD_TOKEN)]
    guilds = [guild async for guild in client.fetch_guilds(limit=MOST_GUILDS)]
    return [
        Finding("ok", f"signed in to Discord as {application.name}", ""),
        _intent(application, wanted=message_content),
        _membership(application, member=bool(guilds)),
        *[finding for guild in guilds for finding in await _history(client, guild)],
        *_obstacles(application),
    ]


def _intent(application: discord.AppInfo, *, wanted: bool) -> Finding:
    flags = application.flags
    granted = flags.gateway_message_content or flags.gateway_message_content_limited
    if not wanted:
        text = "works without the message-content intent: mentions, replies and direct messages"
        return Finding("ok", text, "")
    if granted:
        return Finding("ok", "the message-content intent is granted", "")
    return Finding("error", "the message-content intent is not granted", NO_INTENT)


def _membership(application: discord.AppInfo, *, member: bool) -> Finding:
    if member:
        return Finding("ok", "a member of at least one server", "")
    url = discord.utils.oauth_url(application.id, permissions=needed_permissions(), scopes=SCOPES)
    return Finding("warning", "not a member of any server yet", f"Invite the bot: {url}")


async def _history(client: discord.Client, short: discord.Guild) -> list[Finding]:
    """Where the bot sees channels whose history it may not read."""
    assert client.user is not None
    guild = await client.fetch_guild(short.id)
    me = await guild.fetch_member(client.user.id)
    granted = [channel.permissions_for(me) for channel in await guild.fetch_channels()]
    seen = [each for each in granted if each.view_channel]
    count = sum(not each.read_message_history for each in seen)
    if not count:
        return []
    where = f"{count} of {len(seen)} channels in {guild.name}"
    text = f"may not read the history of {where}, and misses there what "
    mend = "Give its role Read Message History, in the server's roles or the channels' permissions"
    return [Finding("warning", f"{text}is written while it is away", mend)]


def _obstacles(application: discord.AppInfo) -> list[Finding]:
    found = []
    if application.interactions_endpoint_url:
        mend = f"Remove the Interactions Endpoint URL under {PORTAL} → General Information"
        found.append(Finding("error", "slash commands go to a web address, not here", mend))
    if application.bot_require_code_grant:
        mend = f"Switch off “Requires OAuth2 Code Grant” under {PORTAL} → Bot"
        found.append(Finding("warning", "an invitation cannot be completed", mend))
    return found
