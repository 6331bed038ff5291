"""Steering a conversation on a loopback Slack, through the whole house."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bot.app import Core, compose, platforms
from bot.control.commands import COMMANDS
from bot.service import Service
from bot.settings import Settings
from storage import open_store, upgrade
from tests.board import ScriptedGenerator
from tests.loopback.slack import Channel, Message, Person, SlackServer, Workspace
from tests.ready import engines_over

PIRATE = "You are a pirate."


@dataclass
class Town:
    """Cuzco, a channel in it, Ann and Bob, and Mia, who manages the workspace."""

    server: SlackServer
    workspace: Workspace
    channel: Channel
    ann: Person
    bob: Person
    mia: Person
    model: Path
    folder: Path
    generator: ScriptedGenerator
    core: Core | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        slack = {
            "bot_token": self.workspace.bot_token,
            "app_token": self.server.app.app_token,
            "api_url": self.server.api_url,
        }
        settings = Settings(
            slack=slack,  # type: ignore[arg-type]
            model={"name": str(self.model)},  # type: ignore[arg-type]
            data={"folder": str(self.folder)},  # type: ignore[arg-type]
            presets={"monk": "You are a monk."},  # type: ignore[arg-type]
        )
        await upgrade(settings.database_url)
        store = await open_store(settings.database_url)
        self.core = compose(settings, store, engines_over(settings, self.generator))
        connects = platforms(settings, self.core)
        service = Service(
            self.core.conversations, connects, heartbeat=settings.heartbeat, deadline=10.0
        )
        before = self.server.socket_mode.connects
        running = asyncio.create_task(service.run())
        await self.server.socket_mode.wait_connects(before + 2)
        try:
            yield
        finally:
            service.stop()
            await running
            await store.close()

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.folder / "quipu.db")) as database:
            return database.execute(query).fetchall()

    async def asks(self, text: str, *, thread: Message | None = None) -> Message:
        """Ann asks, and the answer has ended with its buttons."""
        count = len(self.channel.from_bot)
        await self.ann.mentions(self.channel, text, thread=thread)
        await self.channel.wait_for(lambda _: len(self.channel.from_bot) > count)
        answer = self.channel.from_bot[-1]
        await self.button(answer, "Regenerate")
        assert self.core is not None
        await self.core.conversations.settled()
        return answer

    async def button(self, message: Message, label: str) -> None:
        await self.server.world.changes.until(
            lambda: any(label in each for each in labels(message)), 10, lambda: repr(message.blocks)
        )

    async def told(self, person: Person, message: Message, label: str, value: str = "") -> str:
        """What the person alone is told about a press."""
        interaction = await person.presses(message, label, value)
        answer = await interaction.answer()
        assert answer.hidden_from_all_but is person.user
        return answer.content

    async def says(self, person: Person, command: str, channel: Channel | None = None) -> Message:
        interaction = await person.runs_command("/quipu", command, channel or self.channel)
        answer = await interaction.answer()
        assert answer.hidden_from_all_but is person.user
        return answer


def labels(message: Message) -> list[str]:
    return [
        element["text"]["text"]
        for block in message.blocks
        if block["type"] == "actions"
        for element in block["elements"]
    ]


def label_with(message: Message, words: str) -> str:
    return next(label for label in labels(message) if words in label)


@pytest.fixture
def made(slack_server: SlackServer, tiny_llama: Path, tmp_path: Path) -> Town:
    workspace = slack_server.workspace("Cuzco")
    ann, bob = workspace.member("Ann"), workspace.member("Bob")
    mia = workspace.member("Mia", admin=True)
    channel = workspace.channel("knots")
    return Town(
        slack_server,
        workspace,
        channel,
        ann,
        bob,
        mia,
        tiny_llama,
        tmp_path,
        ScriptedGenerator(),
    )


@pytest.fixture
async def town(made: Town) -> AsyncIterator[Town]:
    async with made.open():
        yield made


async def test_an_answer_is_given_again_and_brought_back_after_a_restart(made: Town) -> None:
    async with made.open():
        made.generator.script = lambda _: ["A cord."]
        answer = await made.asks("what is a quipu?")
    async with made.open():
        made.generator.script = lambda _: ["Many knots."]
        regenerate = label_with(answer, "Regenerate")
        assert "Only who asked" in await made.told(made.bob, answer, regenerate)
        assert "another answer" in await made.told(made.ann, answer, regenerate)
        await made.button(answer, "Earlier (2/2)")
        assert answer.content == "Many knots."
        better = label_with(answer, "2 is better")
        assert "better" in await made.told(made.bob, answer, better)
        assert made.rows("SELECT count(*) FROM preferences") == [(1,)]
        await made.told(made.ann, answer, label_with(answer, "Earlier"))
        await made.channel.wait_for(lambda _: answer.content == "A cord.")
    assert made.server.limits.total_refused == 0


async def test_a_running_answer_is_stopped_by_command_and_by_slacks_own_button(
    town: Town,
) -> None:
    never = asyncio.Event()
    town.generator.script = lambda _: ["Once upon ", never]
    await town.ann.mentions(town.channel, "a story please")
    await town.channel.wait_for(lambda _: town.channel.from_bot)
    assert "Only who asked" in (await town.says(town.bob, "stop")).content
    assert "stopping" in (await town.says(town.ann, "stop")).content
    await town.button(town.channel.from_bot[0], "Regenerate")
    await town.ann.mentions(town.channel, "another one")
    await town.channel.wait_for(lambda _: len(town.channel.from_bot) == 2)
    await town.ann.stops(town.channel.from_bot[1])
    await town.button(town.channel.from_bot[1], "Regenerate")
    assert town.core is not None
    await town.core.conversations.settled()
    assert town.rows("SELECT state FROM replies") == [("stopped",), ("stopped",)]


async def test_votes_with_a_reason_and_why(town: Town) -> None:
    answer = await town.asks("hello")
    await town.told(town.bob, answer, label_with(answer, "Good"))
    interaction = await town.bob.presses(answer, label_with(answer, "Bad"))
    view = await interaction.wait_modal()
    [reason] = view.inputs
    sent = await town.bob.submits_modal(interaction, {reason["block_id"]: "No cord at all."})
    assert sent.errors == {}
    assert town.rows("SELECT score, reason FROM votes") == [(-1, "No cord at all.")]
    why = await town.told(town.bob, answer, label_with(answer, "Why"))
    assert "Model" in why
    chosen = await town.bob.chooses(answer, "quipu:why")
    assert (await chosen.answer()).content == why
    asked = await town.bob.chooses(town.channel.messages[0], "quipu:why")
    assert (await asked.answer()).content == why
    assert (await town.says(town.ann, "why")).content == why


async def test_in_private_the_thumbs_are_slacks_own(town: Town) -> None:
    await town.ann.dm("hello")
    dms = town.ann.dms
    await dms.wait_for(lambda _: dms.from_bot and dms.from_bot[0].blocks)
    thumbs = dms.from_bot[0].blocks[-1]["elements"][0]
    up = thumbs["positive_button"]["value"]
    assert "Thank you" in await town.told(town.ann, dms.from_bot[0], thumbs["action_id"], up)
    assert town.rows("SELECT score FROM votes") == [(1,)]


async def test_an_exchange_is_undone_and_the_conversation_begun_anew(town: Town) -> None:
    first = await town.asks("the word is apple")
    root = first.root
    await town.asks("and pear", thread=root)
    assert "out of the conversation" in (await town.says(town.ann, "undo")).content
    assert town.channel.from_bot == [first]
    await town.asks("what is the word?", thread=root)
    assert "apple" in town.generator.prompts[-1].text
    assert "pear" not in town.generator.prompts[-1].text
    assert "new conversation" in (await town.says(town.ann, "reset")).content
    await town.asks("and now?", thread=root)
    assert "apple" not in town.generator.prompts[-1].text


async def test_a_persona_by_window_preset_file_and_history(town: Town) -> None:
    interaction = await town.mia.runs_command("/quipu", "persona set", town.channel)
    view = await interaction.wait_modal()
    field = view.inputs[0]["block_id"]
    sent = await town.mia.submits_modal(interaction, {field: PIRATE})
    assert sent.errors == {}
    assert PIRATE in (await town.says(town.ann, "persona show")).content
    await town.asks("hello")
    assert PIRATE in town.generator.prompts[-1].text
    await town.says(town.mia, "persona set preset=monk")
    assert "monk" in (await town.says(town.ann, "persona show")).content
    history = await town.says(town.mia, "persona history")
    await town.mia.presses(history, labels(history)[-1])
    await town.server.world.changes.until(lambda: not labels(history), 10, lambda: repr(history))
    assert PIRATE in (await town.says(town.ann, "persona show")).content
    assert "Only people who manage" in (await town.says(town.ann, f"persona set {PIRATE}")).content


async def test_all_settings_in_one_window_and_the_audit_list(town: Town) -> None:
    interaction = await town.mia.runs_command("/quipu", "settings", town.channel)
    view = await interaction.wait_modal()
    names = [block["block_id"].partition(":")[2] for block in view.inputs]
    assert {"temperature", "when", "person_tokens", "retention"} <= set(names)
    sent = await town.mia.submits_modal(
        interaction, {"sampling:temperature": "0.3", "answers:when": "always"}
    )
    assert sent.errors == {}
    assert dict(town.rows("SELECT key, value FROM settings")) == {
        "temperature": 0.3,
        "when": '"always"',
    }
    await town.ann.says(town.channel, "nobody was mentioned")
    await town.channel.wait_for(lambda _: town.channel.from_bot)
    again = await town.mia.runs_command("/quipu", "settings", town.channel)
    await again.wait_modal()
    back = {"sampling:temperature": "", "answers:when": "inherit"}
    assert (await town.mia.submits_modal(again, back)).errors == {}
    assert town.rows("SELECT key FROM settings") == []
    audit = (await town.says(town.mia, "audit")).content
    assert "0.3" in audit


async def test_what_is_on_no_list_is_refused_and_named(town: Town) -> None:
    bob = f"<@{town.bob.user.id}|bob>"
    assert town.bob.user.id in (await town.says(town.mia, f"access deny {bob}")).content
    await town.bob.mentions(town.channel, "hello")
    await town.channel.wait_for(lambda _: town.channel.from_bot)
    await town.asks("hello")
    assert [prompt.text.count("Bob") for prompt in town.generator.prompts] == [0]
    wrong = (await town.says(town.mia, "sampling temperature=9")).content
    assert "from 0 to 5" in wrong


async def test_what_is_stored_is_exported_and_deleted_after_a_question(town: Town) -> None:
    await town.asks("my cat is called Tom")
    await town.says(town.ann, "privacy export")
    [sent] = town.ann.dms.from_bot
    assert "my cat is called Tom" in json.dumps(json.loads(sent.files[0].content))
    question = await town.says(town.ann, "privacy delete")
    await town.ann.presses(question, labels(question)[0])
    await town.server.world.changes.until(lambda: not labels(question), 10, lambda: repr(question))
    left = town.rows("SELECT count(*) FROM turns WHERE text LIKE '%Tom%'")
    assert left == [(0,)]


async def test_every_command_is_understood_and_help_names_it(town: Town) -> None:
    shown = "".join(message.content for message in [await town.says(town.mia, "help")])
    missing = [command.name for command in COMMANDS if f"/quipu {command.name}" not in shown]
    assert missing == []


async def test_words_are_in_the_persons_language_where_there_are_some(town: Town) -> None:
    eva = town.workspace.member("Eva", locale="xx-XX")
    assert "Show what I can do" in (await town.says(eva, "help")).content
    uwe = town.workspace.member("Uwe", locale="de-DE")
    assert "Zeigen, was ich kann" in (await town.says(uwe, "help")).content


async def test_a_text_file_is_read_into_the_prompt(town: Town) -> None:
    knots = town.ann.uploads("knots.py", "print('tie')")
    await town.ann.shares(town.channel, "@bot explain", knots)
    await town.channel.wait_for(lambda _: town.channel.from_bot)
    assert "knots.py:\n```py\nprint('tie')\n```" in town.generator.prompts[-1].text
