"""The scenes' stage in a loopback Slack."""

from __future__ import annotations

import mimetypes
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from adapters.slack.manifest import MENU
from bot.commands.training import Format
from bot.control.commands import COMMANDS
from bot.control.response import Given
from bot.control.words import say
from bot.settings import Settings
from tests.board import ScriptedGenerator
from tests.contract.running import Running
from tests.contract.stage import Setting
from tests.loopback.slack import Channel, Message, SlackServer
from tests.loopback.slack.dispatch import INTERACTIVE
from tests.loopback.slack.interactions import Interaction


@dataclass(frozen=True)
class Spot:
    """The thread under a message of a channel, or (no root) the whole of a DM."""

    channel: Channel
    root: Message | None = None


def line(command: str, given: Mapping[str, Given]) -> str:
    """A command with its arguments as people type it."""
    words = (f"{name}={_written(value)}" for name, value in given.items())
    return " ".join([command, *words])


def _written(value: Given) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f'"{value}"' if " " in str(value) and "<" not in str(value) else str(value)


def labels(message: Message) -> list[str]:
    """What the buttons below a message say."""
    rows = (block["elements"] for block in message.blocks if block["type"] == "actions")
    return [element["text"]["text"] for row in rows for element in row]


class SlackStage:
    """A workspace with a channel; every mention there opens a thread."""

    def __init__(self, server: SlackServer, model: Path, folder: Path, **sections: Any) -> None:
        self.generator = ScriptedGenerator()
        self._server = server
        self._folder = folder
        workspace = server.workspace("Cuzco")
        self._channel = workspace.channel("knots")
        self._people = {
            "ann": workspace.member("Ann"),
            "bob": workspace.member("Bob"),
            "chief": workspace.member("Chief", admin=True),
            "olga": workspace.member("Olga", owner=True),
        }
        slack = {
            "bot_token": workspace.bot_token,
            "app_token": server.app.app_token,
            "api_url": server.api_url,
        } | sections.pop("slack", {})
        settings = Settings(
            slack=slack,
            model={"name": str(model)},  # type: ignore[arg-type]
            data={"folder": str(folder)},  # type: ignore[arg-type]
            **sections,
        )
        self._running = Running(settings, self.generator)

    async def __aenter__(self) -> Self:
        await self._running.start()
        await self._server.socket_mode.wait_connects(2)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._running.stop()

    async def mentions(self, who: str, text: str) -> tuple[Message, Spot]:
        said = await self._people[who].mentions(self._channel, text)
        return said, Spot(self._channel, said)

    async def in_a_thread(self, who: str, text: str) -> tuple[Message, Spot]:
        root = await self._people["bob"].says(self._channel, "something to talk about")
        said = await self._people[who].mentions(self._channel, text, thread=root)
        return said, Spot(self._channel, root)

    async def goes_on(self, who: str, where: Spot, text: str) -> Message:
        person = self._people[who]
        if where.root is None:
            return await person.dm(text)
        return await person.mentions(where.channel, text, thread=where.root)

    async def writes(self, who: str, text: str) -> tuple[Message, Spot]:
        person = self._people[who]
        return await person.dm(text), Spot(person.dms)

    async def says(self, who: str, text: str) -> tuple[Message, Spot]:
        said = await self._people[who].says(self._channel, text)
        return said, Spot(self._channel, said)

    async def attaches(self, who: str, text: str, name: str, content: bytes) -> Spot:
        person = self._people[who]
        kind = mimetypes.guess_type(name)[0] or "text/plain"
        file = person.uploads(name, content, kind)
        said = await person.shares(self._channel, f"@bot {text}", file)
        return Spot(self._channel, said)

    def reads_in(self, who: str, locale: str) -> None:
        self._people[who].user.locale = locale

    async def edits(self, who: str, said: Message, text: str) -> None:
        await self._people[who].edits(said, text)
        await self._server.dispatch.settled()  # over two sockets Slack keeps no order

    async def takes_file_back(self, who: str, where: Spot) -> None:
        assert where.root is not None
        await self._people[who].deletes_file(where.root, where.root.files[0])
        await self._server.dispatch.settled()

    async def deletes(self, who: str, said: Message) -> None:
        await self._people[who].deletes(said)
        await self._server.dispatch.settled()

    async def removes(self, who: str, where: Spot, *, at: int = -1) -> None:
        await self._people[who].deletes(self._answers(where)[at])
        await self._server.dispatch.settled()  # what is said next could be heard before it

    async def repeats(self, said: Message) -> None:
        self._server.dispatch.repeat(said)

    async def stops(self, who: str, where: Spot) -> str:
        interaction = await self._people[who].runs_command("/quipu", "stop", where.channel)
        return (await interaction.answer()).content

    async def sets_persona(self, who: str, text: str) -> str:
        command = f"persona set {text}"
        interaction = await self._people[who].runs_command("/quipu", command, self._channel)
        return (await interaction.answer()).content

    async def uses(
        self, who: str, command: str, there: Spot | None = None, /, **given: Given
    ) -> str:
        channel = there.channel if there else self._channel
        return (await self._used(who, line(command, given), channel)).content

    async def presses(self, who: str, where: Spot, label: str, *, at: int = -1) -> str:
        person = self._people[who]
        interaction = await person.presses(self._answers(where)[at], label)
        answer = await interaction.answer()
        assert answer.hidden_from_all_but is person.user
        return answer.content

    async def forges(self, who: str, where: Spot, button_id: str) -> str:
        message = self._answers(where)[-1]
        [first, *_] = [block for block in message.blocks if block["type"] == "actions"]
        first["elements"][0] |= {"value": button_id}
        return await self.presses(who, where, first["elements"][0]["action_id"])

    async def repeats_press(self) -> None:
        dispatch = self._server.dispatch
        presses = [sent for sent in dispatch.sent if sent.get("type") == "block_actions"]
        await dispatch.ask(INTERACTIVE, presses[-1])

    async def opens(self, who: str, where: Spot, label: str) -> Interaction:
        interaction = await self._people[who].presses(self._answers(where)[-1], label)
        await interaction.wait_modal()
        return interaction

    async def sends(self, who: str, window: Interaction, text: str) -> None:
        [field] = (await window.wait_modal()).inputs
        sent = await self._people[who].submits_modal(window, {field["block_id"]: text})
        assert sent.errors == {}

    async def presses_with(self, who: str, where: Spot, label: str, text: str) -> None:
        await self.sends(who, await self.opens(who, where, label), text)

    async def chooses(self, who: str, where: Spot, name: str) -> str:
        menus = {say(f"slack.menu.{one.key}"): one.key for one in COMMANDS if one.menu}
        answer = self._answers(where)[-1]
        chosen = await self._people[who].chooses(answer, f"{MENU}{menus[name]}")
        return (await chosen.answer()).content

    async def offers(self, where: Spot, label: str) -> None:
        def offered(_: list[Message]) -> bool:
            newest = self._answers(where)[-1:]
            return any(each.endswith(label) for message in newest for each in labels(message))

        await where.channel.wait_for(offered, timeout=30)
        await self.quiet()

    async def presses_stop(self, who: str, where: Spot) -> None:
        [*_, writing] = self._answers(where)
        await self._people[who].stops(writing)  # Slack's own, of a stream

    async def quiet(self) -> None:
        await self._server.dispatch.settled()
        await self._running.quiet()

    async def confirms(self, who: str, command: str, label: str) -> str:
        question = await self._used(who, command, self._channel)
        await self._people[who].presses(question, label)
        await self._server.world.changes.until(
            lambda: not labels(question), 10, lambda: repr(question)
        )
        return question.content

    async def fetches(self, who: str, command: str) -> str:
        await self._used(who, command, self._channel)
        dms = self._people[who].dms
        await dms.wait_for(lambda _: dms.from_bot and dms.from_bot[-1].files)
        [file] = dms.from_bot[-1].files
        return file.content.decode()

    async def persona_window(self, who: str) -> tuple[str | None, str]:
        person = self._people[who]
        opened = await person.runs_command("/quipu", "persona set", self._channel)
        inputs = {block["block_id"]: block for block in (await opened.wait_modal()).inputs}
        assert "file" in inputs
        if "text" in inputs:
            return str(inputs["text"]["element"].get("initial_value", "")), ""
        await person.dms.wait_for(lambda _: person.dms.from_bot and person.dms.from_bot[-1].files)
        [file] = person.dms.from_bot[-1].files
        return None, file.content.decode()

    async def page(self, who: str, group: str) -> Mapping[str, Setting]:
        interaction = await self._people[who].runs_command("/quipu", "settings", self._channel)
        blocks = (await interaction.wait_modal()).body["blocks"]
        titles = [block["text"]["text"] for block in blocks if block["type"] == "header"]
        assert group in titles
        found = {}
        for block in blocks:
            if block["type"] == "input":
                shown, _, origin = block["hint"]["text"].partition(" · ")
                found[block["label"]["text"]] = Setting(shown, origin)
        return found

    def named(self, who: str) -> str:
        user = self._people[who].user
        return f"<@{user.id}|{user.name.lower()}>"

    @property
    def channel_named(self) -> str:
        return f"<#{self._channel.id}|{self._channel.name}>"

    def mention(self, who: str) -> str:
        return f"<@{self._people[who].user.id}>"

    async def sets_persona_by_file(self, who: str, name: str, content: bytes) -> str:
        person = self._people[who]
        interaction = await person.runs_command("/quipu", "persona set", self._channel)
        await interaction.wait_modal()
        sent = person.uploads(name, content)
        file = {"id": sent.id, "name": name, "url_private": sent.url, "size": len(content)}
        done = await person.submits_modal(interaction, {"file": [file]})
        assert done.errors == {}
        assert done.modal is not None
        return str(done.modal.body["blocks"][0]["text"]["text"])

    async def _used(self, who: str, text: str, channel: Channel) -> Message:
        person = self._people[who]
        interaction = await person.runs_command("/quipu", text, channel)
        answer = await interaction.answer()
        assert answer.hidden_from_all_but is person.user
        return answer

    def _answers(self, where: Spot) -> list[Message]:
        """The bot's messages there."""
        said = where.channel.from_bot
        return [one for one in said if where.root is None or one.root is where.root]

    async def shown(
        self, where: Spot, look: Callable[[list[str]], bool], seconds: float = 30
    ) -> list[str]:
        def texts(_: list[Message]) -> list[str] | None:
            said = [message.content for message in self._answers(where)]
            return said if look(said) else None

        return await where.channel.wait_for(texts, timeout=seconds)

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
        await self.kills()
        await self.returns()

    async def kills(self) -> None:
        """The program is cut off without a chance to finish, and misses what is said."""
        await self._running.cut_off()
        self._server.dispatch.hold()

    async def leaves(self) -> None:
        await self._server.dispatch.settled()  # what is on its way now would be sent again
        await self._running.stop()
        self._server.dispatch.hold()  # a long time, after which Slack gives up

    async def returns(self) -> None:
        self._server.dispatch.lose()
        before = self._server.socket_mode.connects
        await self._running.start()
        await self._server.socket_mode.wait_connects(before + 2)

    def clock_is_off(self, hours: float) -> None:
        self._running.ahead = timedelta(hours=hours)

    def broken(self, fault: str) -> AbstractAsyncContextManager[None]:
        return self._running.broken(fault, self._folder / "quipu.db")

    def refused(self) -> int:
        return self._server.limits.total_refused
