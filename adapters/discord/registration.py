"""Tells Discord the bot's slash commands, but only when they differ from what it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import discord
import structlog
from discord import app_commands

from adapters.discord.failures import translated
from bot.errors import PlatformError

log = structlog.get_logger(__name__)

# What we declare. The rest of Discord's answer (ids, versions) is its own.
DECLARED = frozenset(
    {
        "name",
        "description",
        "options",
        "required",
        "choices",
        "value",
        "min_length",
        "max_length",
        "contexts",
        "integration_types",
        "default_member_permissions",
        "nsfw",
    }
)
CHAT_INPUT = 1


async def register(client: discord.Client, tree: app_commands.CommandTree[Any]) -> None:
    """Bring Discord's list of commands up to date. Failures are logged: the bot works without."""
    try:
        with translated("registering commands"):
            if await _up_to_date(client, tree):
                log.debug("discord.commands_unchanged")
                return
            await tree.sync()
            log.info("discord.commands_registered")
    except (PlatformError, app_commands.AppCommandError):
        log.exception("discord.commands_not_registered")


async def _up_to_date(client: discord.Client, tree: app_commands.CommandTree[Any]) -> bool:
    if client.application_id is None:
        return False
    present = await client.http.get_global_commands(client.application_id)
    wanted = [command.to_dict(tree) for command in tree.get_commands()]
    return declared(present) == declared(wanted)


def declared(commands: Iterable[Mapping[str, Any]]) -> list[Any]:
    """The commands' definitions in a form that two lists of them can be compared in."""
    return sorted((_definition(command, CHAT_INPUT) for command in commands), key=str)


def _definition(entry: Mapping[str, Any], kind: int) -> dict[str, Any]:
    """One command or option, without what is empty: Discord leaves that out, we spell it out."""
    found: dict[str, Any] = {"type": entry.get("type", kind)}
    for key in sorted(DECLARED & entry.keys()):
        value = entry[key]
        if key in {"options", "choices"}:
            value = [_definition(one, 0) for one in value or ()]
        elif isinstance(value, list):
            value = sorted(value)
        if value or (value == 0 and value is not False):
            found[key] = str(value) if key == "default_member_permissions" else value
    return found
