"""The slash commands `/persona show`, `/persona set` and `/persona clear`.

`/persona` itself carries no default permissions: Discord knows them for a whole command only, and
everybody may look. Who may change is what Discord resolved for the person in that channel, checked
here before anything is done and by the core again.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiohttp
import discord
import structlog
from discord import app_commands

from adapters.discord.places import place_of
from bot.errors import Busy, Forbidden, QuipuError, Refused
from bot.values import Author, Persona, Place, Standing

if TYPE_CHECKING:
    from bot.ports import Personas

log = structlog.get_logger(__name__)

Interaction = discord.Interaction[Any]

LONGEST = 4000
EMBED_CHARACTERS = 4096
# A modal must be the first answer to its command, and that within three seconds.
MODAL_PATIENCE = 2.0
MODAL_LIFE = 3600.0
UNKNOWN_COMMAND = "I do not know that command any more; please look at my list of commands again."
NO_PERSONA = "I have no persona here."
NOT_ALLOWED = "Only people who may manage this channel can change the persona I have here."


class CommandTree(app_commands.CommandTree[Any]):
    """Routes interactions to commands and never leaves a person without an answer."""

    async def on_error(self, interaction: Interaction, error: app_commands.AppCommandError) -> None:
        """Tell the person, in words meant for them."""
        if isinstance(error, app_commands.CommandNotFound):
            await answer(interaction, UNKNOWN_COMMAND)
            return
        await apologise(interaction, getattr(error, "original", error))


class PersonaCommands(app_commands.Group):
    """`/persona …`, by way of the core's Personas."""

    def __init__(self, personas: Personas) -> None:
        super().__init__(
            name="persona",
            description="Who I am in this channel",
            allowed_contexts=app_commands.AppCommandContext(
                guild=True, dm_channel=True, private_channel=False
            ),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
        )
        self._personas = personas

    @app_commands.command(name="show", description="Show the persona that I have here")
    async def show(self, interaction: Interaction) -> None:
        """Show the persona, to whoever asks."""
        place = place_for(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        await _present(interaction, place, await self._personas.show(place))

    @app_commands.command(name="set", description="Give me a persona in this channel")
    @app_commands.describe(text="How I should be; leave it out to write in a window of its own")
    async def set(
        self, interaction: Interaction, text: app_commands.Range[str, 1, LONGEST] | None = None
    ) -> None:
        """Set the channel's persona, or open a window for a long one."""
        author = manager(interaction)
        if text is None:
            await self._open_modal(interaction)
            return
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self.save(interaction, text, author)

    @app_commands.command(name="clear", description="Take back the persona set in this channel")
    async def clear(self, interaction: Interaction) -> None:
        """Back to what the channel inherits."""
        author = manager(interaction)
        place = channel_of(place_for(interaction))
        await interaction.response.defer(ephemeral=True, thinking=True)
        persona = await self._personas.clear(place, author)
        await _present(interaction, place, persona, "The persona set here is gone. ")

    async def save(self, interaction: Interaction, text: str, author: Author) -> None:
        """Set the persona of the channel, also when asked in one of its threads."""
        if not text.strip():
            raise Refused(notice="A persona needs some words. `/persona clear` takes it back.")
        place = channel_of(place_for(interaction))
        persona = await self._personas.set(place, text.strip(), author)
        await _present(interaction, place, persona, "Done. ")

    async def _open_modal(self, interaction: Interaction) -> None:
        place = channel_of(place_for(interaction))
        try:
            async with asyncio.timeout(MODAL_PATIENCE):
                present = await self._personas.show(place)
        except TimeoutError as error:
            raise Busy("the persona was not read in time for the modal") from error
        await interaction.response.send_modal(PersonaModal(self, present))


class PersonaModal(discord.ui.Modal):
    """A window to write a long persona in, beginning with the present one."""

    def __init__(self, commands: PersonaCommands, present: Persona) -> None:
        super().__init__(title="Persona", timeout=MODAL_LIFE)
        self._commands = commands
        fits = len(present.text) <= LONGEST
        self.text: discord.ui.TextInput[PersonaModal] = discord.ui.TextInput(
            style=discord.TextStyle.paragraph,
            default=present.text if fits and present.text else None,
            placeholder="You are a patient teacher who answers in two sentences.",
            max_length=LONGEST,
        )
        self.add_item(discord.ui.Label(text="How should I be here?", component=self.text))

    async def on_submit(self, interaction: Interaction) -> None:
        """Save what was written, if the person still manages the channel."""
        author = manager(interaction)
        await interaction.response.defer(ephemeral=True, thinking=True)
        await self._commands.save(interaction, self.text.value, author)

    async def on_error(  # type: ignore[override]  # discord.py's own Modal narrows it so
        self, interaction: Interaction, error: Exception
    ) -> None:
        """Tell the person, in words meant for them."""
        await apologise(interaction, error)


def place_for(interaction: Interaction) -> Place:
    """Where the command was given. Refused where the bot holds no conversation."""
    place = place_of(interaction.channel)
    if place is None:
        raise Refused(notice="I hold no conversation here, so there is no persona to speak of.")
    return place


def channel_of(place: Place) -> Place:
    """The channel that a thread belongs to; a channel itself."""
    return replace(place, thread="")


def manager(interaction: Interaction) -> Author:
    """The person, as an admin of the place. Forbidden unless Discord says they manage it."""
    permissions = interaction.permissions
    # In a DM there are no permissions to resolve: it is the person's own.
    allowed = permissions.manage_channels or permissions.administrator
    if interaction.guild_id is not None and not allowed:
        raise Forbidden(notice=NOT_ALLOWED)
    return Author(str(interaction.user.id), interaction.user.display_name, Standing.ADMIN)


async def apologise(interaction: Interaction, error: Exception) -> None:
    """Answer a failed command: with the error's notice if it is ours, else with a general one."""
    if isinstance(error, Refused):
        log.info("discord.command_refused", reason=str(error), person=interaction.user.id)
    else:
        log.error("discord.command_failed", exc_info=error)
    known = error if isinstance(error, QuipuError) else QuipuError()
    await answer(interaction, known.notice)


async def answer(interaction: Interaction, text: str) -> None:
    """Say something that only the person sees, whether or not the command was deferred."""
    try:
        if interaction.response.is_done():
            await interaction.followup.send(text, ephemeral=True)
        else:
            await interaction.response.send_message(text, ephemeral=True)
    except (discord.DiscordException, aiohttp.ClientError, OSError):
        log.exception("discord.command_not_answered", person=interaction.user.id)


async def _present(
    interaction: Interaction, place: Place, persona: Persona, before: str = ""
) -> None:
    # An embed holds what a message does not, and what it holds pings nobody.
    embed = discord.Embed(description=persona.text[:EMBED_CHARACTERS]) if persona.text else None
    words = before + _described(place, persona)
    await interaction.edit_original_response(content=words, embed=embed)


def _described(place: Place, persona: Persona) -> str:
    if not persona.version:
        return "I have the persona of my configuration here:" if persona.text else NO_PERSONA
    words = f"I have persona version {persona.version} here"
    if persona.scope not in {"", place.id, channel_of(place).id}:
        words += ", inherited from the server"
    if persona.set_by:
        who = f"<@{persona.set_by}>" if persona.set_by.isdigit() else persona.set_by
        words += f", set by {who}"
    if persona.set_at is not None:
        words += f" {discord.utils.format_dt(persona.set_at, 'R')}"
    return words + ":"
