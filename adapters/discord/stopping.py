"""The slash command `/stop`: ends the answer that is being written in a channel or thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands

from adapters.discord.commands import Interaction, place_for
from bot.values import Author, Standing

if TYPE_CHECKING:
    from bot.ports import Inbox

NOTHING_RUNS = "I am not writing anything here."
STOPPED = "Stopped."


def stop_command(inbox: Inbox) -> app_commands.Command[Any, ..., None]:
    """`/stop` for whoever asked for the answer and for who manages the channel."""

    async def stop(interaction: Interaction) -> None:
        place = place_for(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        stopped = await inbox.stop(place, person(interaction))
        await interaction.edit_original_response(content=STOPPED if stopped else NOTHING_RUNS)

    command: app_commands.Command[Any, ..., None] = app_commands.Command(
        name="stop", description="Stop the answer that I am writing here", callback=stop
    )
    contexts = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False)
    command.allowed_contexts = contexts
    command.allowed_installs = app_commands.AppInstallationType(guild=True, user=False)
    return command


def person(interaction: discord.Interaction[Any]) -> Author:
    """Who used a command, with the standing that Discord resolved for them there."""
    permissions = interaction.permissions
    manages = permissions.manage_channels or permissions.administrator
    own = interaction.guild_id is None
    standing = Standing.ADMIN if manages or own else Standing.MEMBER
    return Author(str(interaction.user.id), interaction.user.display_name, standing)
