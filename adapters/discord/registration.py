"""Tells Discord the bot's application commands, but only when they differ from what it has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import discord
import structlog
from discord.http import Route

from adapters.discord.failures import translated
from bot.errors import PlatformError

log = structlog.get_logger(__name__)

# What we declare. The rest of Discord's answer (ids, versions) is its own.
DECLARED = frozenset(
    {
        "name",
        "name_localizations",
        "description",
        "description_localizations",
        "options",
        "required",
        "choices",
        "value",
        "autocomplete",
        "min_value",
        "max_value",
        "min_length",
        "max_length",
        "contexts",
        "integration_types",
        "default_member_permissions",
        "nsfw",
    }
)
CHAT_INPUT = 1


async def register(client: discord.Client, wanted: list[dict[str, Any]]) -> None:
    """Bring Discord's list of commands up to date. Failures are logged: the bot works without."""
    application = client.application_id
    try:
        with translated("registering commands"):
            if application is None or declared(await _present(client)) == declared(wanted):
                log.debug("discord.commands_unchanged")
                return
            await client.http.bulk_upsert_global_commands(application, wanted)
            log.info("discord.commands_registered", count=len(wanted))
    except PlatformError:
        log.exception("discord.commands_not_registered")


async def _present(client: discord.Client) -> list[dict[str, Any]]:
    # Without being asked Discord leaves the translations out, and every start would differ.
    route = Route("GET", f"/applications/{client.application_id}/commands")
    found: list[dict[str, Any]] = await client.http.request(
        route, params={"with_localizations": "true"}
    )
    return found


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
