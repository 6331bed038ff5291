"""Commands, modals and buttons of the loopback Discord."""

from __future__ import annotations

from typing import Any

import discord
import pytest
from discord import app_commands

from tests.loopback.client import Connect, Recorder
from tests.loopback.discord import DiscordServer, InteractionFailedError


class PersonaForm(discord.ui.Modal, title="Persona"):
    """A form as a bot would show it."""

    text: discord.ui.TextInput[PersonaForm] = discord.ui.TextInput(
        label="Text", style=discord.TextStyle.paragraph, default="before"
    )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.defer(ephemeral=True, thinking=True)
        await interaction.followup.send(f"now: {self.text.value}")


class PersonaCommands(app_commands.Group):
    """Commands as a bot would have them."""

    @app_commands.command(description="Show it")
    async def show(self, interaction: discord.Interaction, loud: bool = False) -> None:
        may = interaction.permissions.manage_channels
        await interaction.response.send_message(f"loud={loud} may={may}", ephemeral=not loud)

    @app_commands.command(description="Set it")
    async def set(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(PersonaForm())

    @app_commands.command(description="Never answers")
    async def ignore(self, interaction: discord.Interaction) -> None:
        self.ignored = interaction.id


class Ask(discord.ui.View):
    """One button."""

    @discord.ui.button(label="Again")
    async def again(self, interaction: discord.Interaction, _: discord.ui.Button[Ask]) -> None:
        await interaction.response.edit_message(content="pressed", view=None)


async def _with_commands(client: Recorder) -> None:
    client.tree.add_command(PersonaCommands(name="persona", description="The persona"))
    await client.tree.sync()


async def test_a_slash_command_is_answered_in_private(
    discord_server: DiscordServer, connect: Connect
) -> None:
    guild = discord_server.guild()
    channel = guild.channel("general")
    ann, bob = guild.member("Ann", manage_channels=True), guild.member("Bob")
    async with connect(Recorder()) as client:
        await _with_commands(client)
        private = await ann.runs_command("persona show", channel)
        public = await bob.runs_command("persona show", channel, {"loud": True})
        alone = await ann.runs_command("persona show", ann.dms, {"loud": True})
        answers = [await used.answer() for used in (private, public, alone)]
    assert [answer.content for answer in answers] == [
        "loud=False may=True",
        "loud=True may=False",
        "loud=True may=False",
    ]
    assert answers[0].ephemeral
    assert channel.messages == [answers[1]]


async def test_a_modal_makes_the_round_trip(
    discord_server: DiscordServer, connect: Connect
) -> None:
    guild = discord_server.guild()
    channel, ann = guild.channel("general"), guild.member("Ann")
    async with connect(Recorder()) as client:
        await _with_commands(client)
        shown = await ann.runs_command("persona set", channel)
        assert shown.modal is not None
        assert shown.modal["title"] == "Persona"
        submitted = await ann.submits_modal(shown, {"Text": "after"})
        answer = await submitted.answer()
        untouched = await ann.submits_modal(await ann.runs_command("persona set", channel), {})
        kept = await untouched.answer()
    assert answer.content == "now: after"
    assert answer.ephemeral
    assert kept.content == "now: before"


async def test_an_unanswered_command_fails_in_time(
    discord_server: DiscordServer, connect: Connect
) -> None:
    guild = discord_server.guild()
    channel, ann = guild.channel("general"), guild.member("Ann")
    async with connect(Recorder()) as client:
        await _with_commands(client)
        discord_server.world.patience = 0.05
        with pytest.raises(InteractionFailedError, match="did not respond"):
            await ann.runs_command("persona ignore", channel)
    assert channel.messages == []


async def test_a_hinted_command_is_hidden_from_those_who_may_not(
    discord_server: DiscordServer, connect: Connect
) -> None:
    guild = discord_server.guild()
    channel = guild.channel("general")
    bob, ann = guild.member("Bob"), guild.member("Ann", manage_channels=True)

    async def tidy(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("tidy", ephemeral=True)

    command: app_commands.Command[Any, ..., None]
    command = app_commands.Command(name="tidy", description="Tidy up", callback=tidy)
    command.default_permissions = discord.Permissions(manage_channels=True)
    async with connect(Recorder()) as client:
        client.tree.add_command(command)
        await client.tree.sync()
        with pytest.raises(InteractionFailedError, match="hidden"):
            await bob.runs_command("tidy", channel)
        allowed = [
            await ann.runs_command("tidy", channel),
            await bob.runs_command("tidy", channel, even_if_hidden=True),
        ]
        answers = [(await used.answer()).content for used in allowed]
    assert answers == ["tidy", "tidy"]


async def test_what_no_client_would_send_is_not_sent(
    discord_server: DiscordServer, connect: Connect
) -> None:
    guild = discord_server.guild()
    channel, ann = guild.channel("general"), guild.member("Ann")
    async with connect(Recorder()) as client:
        await _with_commands(client)
        attempts: list[tuple[str, dict[str, Any]]] = [
            ("persona", {}),
            ("persona burn", {}),
            ("nothing", {}),
            ("persona show", {"loud": "yes"}),
            ("persona show", {"soft": True}),
        ]
        for command, options in attempts:
            with pytest.raises(InteractionFailedError):
                await ann.runs_command(command, channel, options)
    assert discord_server.world.interactions == {}


async def test_a_button_changes_its_message(
    discord_server: DiscordServer, connect: Connect
) -> None:
    guild = discord_server.guild()
    channel, ann = guild.channel("general"), guild.member("Ann")
    async with connect(Recorder()) as client:
        target = client.get_partial_messageable(channel.id)
        await target.send("press", view=Ask())
        message = channel.from_bot[0]
        used = await ann.presses(message, "Again")
        assert (await used.answer()).content == "pressed"
    assert message.components == []
