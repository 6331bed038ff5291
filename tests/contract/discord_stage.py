"""The scenes' stage in a loopback Discord."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from bot.commands.training import Format
from bot.control.response import Given
from bot.settings import Settings
from tests.board import ScriptedGenerator
from tests.contract.running import Running
from tests.contract.stage import Setting
from tests.loopback.changes import PATIENCE
from tests.loopback.discord import Channel, DiscordServer, Interaction, Message
from tests.loopback.discord.interactions import fields


def labels(message: Message) -> list[str]:
    """What the buttons below a message say."""
    buttons = (one for row in message.components for one in row["components"])
    return [one["label"] for one in buttons if "label" in one]


def chosen(message: Message) -> list[str]:
    """What stands chosen in the selects below a message."""
    selects = (one for row in message.components for one in row["components"] if "options" in one)
    return [option["label"] for one in selects for option in one["options"] if option["default"]]


def all_of(message: Message) -> str:
    """What a message says, in itself and in its embeds."""
    return "\n".join([message.content, *(one["description"] for one in message.embeds)])


class DiscordStage:
    """A guild with a channel; threads and DMs are where people take them."""

    def __init__(self, server: DiscordServer, model: Path, folder: Path, **sections: Any) -> None:
        self.generator = ScriptedGenerator()
        self._server = server
        self._folder = folder
        guild = server.guild("Cuzco")
        self._channel = guild.channel("knots")
        self._people = {
            "ann": guild.member("Ann"),
            "bob": guild.member("Bob"),
            "chief": guild.member("Chief", manage_channels=True),
            "olga": guild.member("Olga", manage_guild=True),
        }
        discord = {
            "token": server.token,
            "api_url": server.api_url,
            "gateway_url": server.gateway_url,
            "message_content": server.message_content,
        }
        settings = Settings(
            discord=discord,  # type: ignore[arg-type]
            model={"name": str(model)},  # type: ignore[arg-type]
            data={"folder": str(folder)},  # type: ignore[arg-type]
            **sections,
        )
        self._running = Running(settings, self.generator)

    async def __aenter__(self) -> Self:
        await self._running.start()
        await self._server.gateway.wait_connected()
        await self._server.wait_for_commands()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.stop()

    async def mentions(self, who: str, text: str) -> tuple[Message, Channel]:
        said = await self._people[who].mentions(self._channel, text)
        return said, self._channel

    async def in_a_thread(self, who: str, text: str) -> tuple[Message, Channel]:
        thread = await self._people[who].starts_thread(self._channel, "aside")
        return await self._people[who].mentions(thread, text), thread

    async def goes_on(self, who: str, where: Channel, text: str) -> Message:
        person = self._people[who]
        if where.guild is None:
            return await person.says(where, text)
        return await person.mentions(where, text)

    async def writes(self, who: str, text: str) -> tuple[Message, Channel]:
        person = self._people[who]
        return await person.dm(text), person.dms

    async def says(self, who: str, text: str) -> tuple[Message, Channel]:
        return await self._people[who].says(self._channel, text), self._channel

    async def attaches(self, who: str, text: str, name: str, content: bytes) -> Channel:
        person = self._people[who]
        file = person.file(self._channel, name, content)
        await person.mentions(self._channel, text, [file])
        return self._channel

    def reads_in(self, who: str, locale: str) -> None:
        self._people[who].locale = locale

    async def edits(self, who: str, said: Message, text: str) -> None:
        await self._people[who].edits(said, text)

    async def takes_file_back(self, who: str, where: Channel) -> None:
        [*_, said] = [message for message in where.messages if message.attachments]
        await self._people[who].removes_file(said)

    async def deletes(self, who: str, said: Message) -> None:
        await self._people[who].deletes(said)

    async def removes(self, who: str, where: Channel, *, at: int = -1) -> None:
        await self._people[who].deletes(where.from_bot[at])

    async def repeats(self, said: Message) -> None:
        self._server.gateway.repeat(said)

    async def stops(self, who: str, where: Channel) -> str:
        interaction = await self._people[who].runs_command("stop", where)
        return (await interaction.answer()).content

    async def sets_persona(self, who: str, text: str) -> str:
        interaction = await self._people[who].runs_command(
            "persona set", self._channel, {"text": text}, even_if_hidden=True
        )
        return (await interaction.answer()).content

    async def uses(
        self, who: str, command: str, there: Channel | None = None, /, **given: Given
    ) -> str:
        return all_of(await self._used(who, command, there, **given))

    async def presses(self, who: str, where: Channel, label: str, *, at: int = -1) -> str:
        return await self._told(await self._people[who].presses(where.from_bot[at], label))

    async def forges(self, who: str, where: Channel, button_id: str) -> str:
        where.from_bot[-1].components[0]["components"][0] |= {"custom_id": button_id}
        return await self.presses(who, where, button_id)

    async def repeats_press(self) -> None:
        pressed = list(self._server.world.interactions.values())[-1]
        self._server.world.emit("INTERACTION_CREATE", 0, lambda _: pressed.payload())

    async def opens(self, who: str, where: Channel, label: str) -> Interaction:
        opened = await self._people[who].presses(where.from_bot[-1], label)
        assert opened.modal is not None
        return opened

    async def sends(self, who: str, window: Interaction, text: str) -> None:
        assert window.modal is not None
        [field] = fields(window.modal)
        sent = await self._people[who].submits_modal(window, {field.custom_id: text})
        await self._told(sent)

    async def presses_with(self, who: str, where: Channel, label: str, text: str) -> None:
        await self.sends(who, await self.opens(who, where, label), text)

    async def chooses(self, who: str, where: Channel, name: str) -> str:
        chosen = await self._people[who].uses_menu(where.from_bot[-1], name)
        return all_of(await chosen.answer())

    async def offers(self, where: Channel, label: str) -> None:
        await self._button(where, label)
        await self.quiet()

    async def presses_stop(self, who: str, where: Channel) -> None:
        await self._button(where, "Stop")
        assert "stopping" in await self.presses(who, where, "Stop")

    async def quiet(self) -> None:
        await self._running.quiet()

    async def confirms(self, who: str, command: str, label: str) -> str:
        question = await self._used(who, command)
        await self._people[who].presses(question, label)
        await self._server.world.changes.until(
            lambda: not labels(question), PATIENCE, lambda: repr(question)
        )
        return question.content

    async def fetches(self, who: str, command: str) -> str:
        [file] = (await self._used(who, command)).attachments
        return file.content.decode()

    async def persona_window(self, who: str) -> tuple[str | None, str]:
        opened = await self._people[who].runs_command("persona set", self._channel)
        if opened.modal is not None:
            [field] = fields(opened.modal)
            return field.value, ""
        [file] = (await opened.answer()).attachments
        return None, file.content.decode()

    async def page(self, who: str, group: str) -> Mapping[str, Setting]:
        shown = await self._used(who, "settings")
        await self._people[who].selects(shown, "Which settings", group)
        await self._server.world.changes.until(
            lambda: group in chosen(shown), PATIENCE, lambda: repr(shown)
        )
        lines = re.findall(r"^\*\*(.+)\*\*: (.+) · (.+)$", shown.content, re.MULTILINE)
        return {label: Setting(value, origin) for label, value, origin in lines}

    def named(self, who: str) -> str:
        return str(self._people[who].user.id)

    @property
    def channel_named(self) -> str:
        return str(self._channel.id)

    def mention(self, who: str) -> str:
        return self._people[who].mention

    async def sets_persona_by_file(self, who: str, name: str, content: bytes) -> str:
        file = self._people[who].file(self._channel, name, content)
        return all_of(await self._used(who, "persona set", file=str(file.id)))

    async def _used(
        self, who: str, command: str, there: Channel | None = None, /, **given: Given
    ) -> Message:
        channel = there or self._channel
        interaction = await self._people[who].runs_command(command, channel, given)
        answer = await interaction.answer()
        assert answer.ephemeral or channel.guild is None
        return answer

    async def _button(self, where: Channel, label: str) -> None:
        def offered(_: list[Message]) -> bool:
            return bool(where.from_bot) and label in labels(where.from_bot[-1])

        await where.wait_for(offered, timeout=30)

    async def _told(self, interaction: Interaction) -> str:
        def look() -> Message | None:
            if interaction.followups:
                return interaction.followups[-1]
            answer = interaction.response
            return answer if answer is not interaction.source else None

        message = await self._server.world.changes.until(look, 10, lambda: repr(interaction))
        assert message.ephemeral or message.channel.guild is None
        return all_of(message)

    async def shown(
        self, where: Channel, look: Callable[[list[str]], bool], seconds: float = 30
    ) -> list[str]:
        def texts(_: list[Message]) -> list[str] | None:
            said = [message.content for message in where.from_bot]
            return said if look(said) else None

        return await where.wait_for(texts, timeout=seconds)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self._folder / "quipu.db")) as database:
            return database.execute(query).fetchall()

    async def feedback(self, shape: Format) -> list[dict[str, Any]]:
        return await self._running.feedback(shape)

    async def settled(self) -> None:
        await self._running.settled()

    async def gives_up(self) -> str:
        return str(await self._running.given_up())

    async def restarts(self) -> None:
        await self._running.cut_off()
        await self.returns()

    async def leaves(self) -> None:
        await self._running.stop()

    async def returns(self) -> None:
        await self._running.start()
        await asyncio.wait_for(self._server.gateway.wait_connected(), 10)

    def clock_is_off(self, hours: float) -> None:
        self._running.ahead = timedelta(hours=hours)

    def broken(self, fault: str) -> AbstractAsyncContextManager[None]:
        return self._running.broken(fault, self._folder / "quipu.db")

    def refused(self) -> int:
        return self._server.limits.total_refused
