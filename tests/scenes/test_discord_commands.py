"""Steering a conversation on a loopback Discord, through the whole house."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from bot.commands.training import Format, lines
from storage import SqlStore
from storage.records import SqlRecords
from tests.board import ScriptedGenerator
from tests.loopback.discord import DiscordServer, Interaction, Message, Person
from tests.scenes.conftest import Town, town


def labels(message: Message) -> list[str]:
    """What the buttons below a message say."""
    return [one["label"] for row in message.components for one in row["components"]]


async def with_button(town: Town, message: Message, label: str) -> None:
    await town.server.world.changes.until(
        lambda: label in labels(message), 10, lambda: repr(message.components)
    )


async def shows(town: Town, message: Message, text: str) -> None:
    """Wait until a page of settings does."""
    await town.server.world.changes.until(
        lambda: text in message.content, 10, lambda: repr(message)
    )


async def told(interaction: Interaction) -> str:
    """What the person was told about a press, in a message of their own."""

    def look() -> Message | None:
        if interaction.followups:
            return interaction.followups[-1]
        return interaction.response if interaction.response is not interaction.source else None

    shown = await interaction.world.changes.until(look, 10, lambda: repr(interaction))
    assert shown.ephemeral
    return shown.content


async def used(town: Town, person: Person, command: str, **options: object) -> Message:
    """The answer to a command in the channel."""
    interaction = await person.runs_command(command, town.channel, options)
    answer = await interaction.answer()
    assert answer.ephemeral
    return answer


async def answered(town: Town, text: str = "hello") -> Message:
    """Ann asks, and the answer has ended with its buttons."""
    count = len(town.channel.from_bot)
    await town.ann.mentions(town.channel, text)
    await town.channel.wait_for(lambda _: len(town.channel.from_bot) > count)
    answer = town.channel.from_bot[-1]
    await with_button(town, answer, "Regenerate")
    await town.core.conversations.settled()
    return answer


async def test_the_answer_can_be_stopped_by_who_asked_and_by_nobody_else(cuzco: Town) -> None:
    never = asyncio.Event()
    cuzco.generator.script = lambda _: ["Once upon ", never]
    await cuzco.ann.mentions(cuzco.channel, "a story please")
    [story] = await cuzco.channel.wait_for(lambda _: cuzco.channel.from_bot)
    assert labels(story) == ["Stop"]
    refused = await cuzco.bob.presses(story, "Stop")
    assert "Only who asked" in await told(refused)
    await cuzco.ann.presses(story, "Stop")
    await with_button(cuzco, story, "Regenerate")
    await cuzco.settled()
    assert "Stop" not in labels(story)
    assert cuzco.states() == ["stopped"]


async def test_an_answer_is_given_again_and_brought_back(cuzco: Town) -> None:
    cuzco.generator.script = lambda _: ["A cord."]
    answer = await answered(cuzco)
    cuzco.generator.script = lambda _: ["Many knots."]
    refused = await cuzco.bob.presses(answer, "Regenerate")
    assert "Only who asked" in await told(refused)
    await cuzco.ann.presses(answer, "Regenerate")
    await cuzco.answer(cuzco.channel, "Many knots.")
    await with_button(cuzco, answer, "Earlier (2/2)")
    await cuzco.core.conversations.settled()
    assert len(cuzco.channel.from_bot) == 1
    better = next(label for label in labels(answer) if label.endswith("is better"))
    await told(await cuzco.bob.presses(answer, better))
    assert cuzco.rows("SELECT count(*) FROM preferences") == [(1,)]
    await cuzco.ann.presses(answer, "Earlier (2/2)")
    await cuzco.answer(cuzco.channel, "A cord.")
    await cuzco.settled()
    assert cuzco.answers() == ["A cord."]


async def test_buttons_work_after_a_restart(
    discord_server: DiscordServer, tiny_llama: Path, tmp_path: Path
) -> None:
    async with town(discord_server, tiny_llama, tmp_path, ScriptedGenerator()) as before:
        before.generator.script = lambda _: ["A cord."]
        answer = await answered(before)
    async with town(discord_server, tiny_llama, tmp_path, ScriptedGenerator()) as after:
        after.generator.script = lambda _: ["Many knots."]
        refused = await before.bob.presses(answer, "Regenerate")
        assert "Only who asked" in await told(refused)
        await before.ann.presses(answer, "Regenerate")
        await after.answer(before.channel, "Many knots.")
        await after.settled()
        assert after.answers() == ["Many knots."]


async def test_everybody_may_vote_and_ask_why(cuzco: Town) -> None:
    answer = await answered(cuzco)
    await told(await cuzco.bob.presses(answer, "Good"))
    opened = await cuzco.bob.presses(answer, "Bad")
    assert opened.modal is not None
    submitted = await cuzco.bob.submits_modal(opened, {"reason": "No cord at all."})
    await told(submitted)
    assert cuzco.rows("SELECT score, reason FROM votes") == [(-1, "No cord at all.")]
    why = await cuzco.bob.uses_menu(answer, "Why this answer")
    shown = (await why.answer()).content
    assert "Why this answer" in shown
    assert shown == (await used(cuzco, cuzco.bob, "why")).content
    assert shown == await told(await cuzco.bob.presses(answer, "Why?"))


async def test_who_opted_out_is_not_exported_by_somebody_who_replies_to_them(
    open_cuzco: Town,
) -> None:
    store = open_cuzco.core.store
    assert isinstance(store, SqlStore)
    said = await open_cuzco.bob.says(open_cuzco.channel, "My salary is 4200 euros.")
    await open_cuzco.ann.replies_to(said, "@bot is that fair?")
    [answer] = await open_cuzco.channel.wait_for(lambda _: open_cuzco.channel.from_bot)
    await with_button(open_cuzco, answer, "Good")
    await open_cuzco.settled()
    await told(await open_cuzco.ann.presses(answer, "Good"))
    records = SqlRecords(store.database)
    [line] = [line async for line in lines(records, Format.SFT)]
    assert "4200" in line
    await used(open_cuzco, open_cuzco.bob, "privacy feedback", use=False)
    assert [line async for line in lines(records, Format.SFT)] == []


async def test_the_last_exchange_is_undone_and_the_conversation_begun_anew(cuzco: Town) -> None:
    await answered(cuzco, "the word is apple")
    await answered(cuzco, "and pear")
    await used(cuzco, cuzco.ann, "undo")
    assert len(cuzco.channel.from_bot) == 1
    await answered(cuzco, "what is the word?")
    assert "apple" in cuzco.generator.prompts[-1].text
    assert "pear" not in cuzco.generator.prompts[-1].text
    await used(cuzco, cuzco.ann, "reset")
    await answered(cuzco, "and now?")
    assert "apple" not in cuzco.generator.prompts[-1].text


async def test_a_persona_is_written_in_a_window_and_read_from_a_file(cuzco: Town) -> None:
    opened = await cuzco.chief.runs_command("persona set", cuzco.channel)
    assert opened.modal is not None
    await (await cuzco.chief.submits_modal(opened, {"text": "You are a pirate."})).answer()
    await answered(cuzco)
    assert "You are a pirate." in cuzco.generator.prompts[-1].text
    file = cuzco.chief.file(cuzco.channel, "me.txt", b"You are a cook.")
    await used(cuzco, cuzco.chief, "persona set", file=str(file.id))
    await answered(cuzco)
    assert "You are a cook." in cuzco.generator.prompts[-1].text
    history = await used(cuzco, cuzco.chief, "persona history")
    assert "pirate" in history.content
    given = {"version": 1}
    offered = await cuzco.chief.types_option("persona restore", cuzco.channel, given, "version")
    assert 1 in [one["value"] for one in offered]
    await used(cuzco, cuzco.chief, "persona restore", version=1)
    await answered(cuzco)
    assert "You are a pirate." in cuzco.generator.prompts[-1].text


@pytest.mark.parametrize(
    "command", ["persona set", "persona clear", "settings", "audit", "answers"]
)
async def test_what_only_admins_may_do_is_refused_to_others(cuzco: Town, command: str) -> None:
    answer = await used(cuzco, cuzco.ann, command)
    assert "Only people who manage this channel" in answer.content


async def test_the_page_of_settings_changes_what_is_answered(open_cuzco: Town) -> None:
    shown = await used(open_cuzco, open_cuzco.chief, "settings")
    await open_cuzco.chief.selects(shown, "Which settings", "When I answer")
    await open_cuzco.chief.selects(shown, "Answer: when I am mentioned", "always")
    await shows(open_cuzco, shown, "every message")
    await open_cuzco.ann.says(open_cuzco.channel, "nobody in particular")
    await open_cuzco.answer(open_cuzco.channel, "You said: Ann: nobody in particular")
    await open_cuzco.chief.selects(shown, "Answer: every message", "Inherit")
    await shows(open_cuzco, shown, "when I am mentioned")
    await open_cuzco.chief.selects(shown, "Which settings", "How words are chosen")
    opened = await open_cuzco.chief.presses(shown, "Temperature")
    await open_cuzco.chief.submits_modal(opened, {"Temperature": "9"})
    opened = await open_cuzco.chief.presses(shown, "Temperature")
    await open_cuzco.chief.submits_modal(opened, {"Temperature": "1,5"})
    await shows(open_cuzco, shown, "**Temperature**: 1.5")
    audit = await used(open_cuzco, open_cuzco.chief, "audit")
    assert "1.5" in audit.content + "".join(one["description"] for one in audit.embeds)


async def test_the_page_changes_what_a_thread_has_set_for_itself(cuzco: Town) -> None:
    aside = await cuzco.ann.starts_thread(cuzco.channel, "aside")
    for where, seed in (("channel", 11), ("thread", 22)):
        await cuzco.chief.runs_command("sampling", aside, {"seed": seed, "where": where})
    await cuzco.chief.runs_command("answers", aside, {"bots": True, "where": "thread"})
    shown = await (await cuzco.chief.runs_command("settings", aside)).answer()
    await cuzco.chief.selects(shown, "Which settings", "How words are chosen")
    await shows(cuzco, shown, "**Seed**: 22 · this thread")
    for written, then in (
        ("33", "**Seed**: 33 · this thread"),
        ("", "**Seed**: 11 · this channel"),
        ("44", "**Seed**: 44 · this channel"),
    ):
        opened = await cuzco.chief.presses(shown, "Seed")
        await cuzco.chief.submits_modal(opened, {"Seed": written})
        await shows(cuzco, shown, then)
    await cuzco.chief.selects(shown, "Which settings", "When I answer")
    await shows(cuzco, shown, "**Answer other bots**: yes · this thread")
    await cuzco.chief.selects(shown, "Answer other bots: yes", "Inherit")
    await shows(cuzco, shown, "**Answer other bots**: no · my configuration")


async def test_all_of_the_sampling_is_written_in_two_windows(cuzco: Town) -> None:
    opened = await cuzco.chief.runs_command("sampling", cuzco.channel)
    first = await cuzco.chief.submits_modal(opened, {"temperature": "0.3", "top_k": "9"})
    more = await cuzco.chief.presses(await first.answer(), "More…")
    await (await cuzco.chief.submits_modal(more, {"seed": "11"})).answer()
    await answered(cuzco)
    sampling = cuzco.generator.samplings[-1]
    assert (sampling.temperature, sampling.top_k, sampling.seed) == (0.3, 9, 11)


async def test_questions_are_answered_in_threads_where_an_admin_wants_it(open_cuzco: Town) -> None:
    await used(open_cuzco, open_cuzco.chief, "answers", threads=True)
    question = await open_cuzco.ann.mentions(open_cuzco.channel, "what is a quipu?")
    await open_cuzco.server.world.changes.until(
        lambda: question.id in open_cuzco.server.world.channels, 10, lambda: "no thread"
    )
    thread = open_cuzco.server.world.channels[question.id]
    await open_cuzco.answer(thread, "You said: Ann: what is a quipu?")
    await open_cuzco.bob.says(thread, "and who made them?")
    await open_cuzco.answer(thread, "You said: Bob: and who made them?", 2)
    assert open_cuzco.channel.from_bot == []
    assert "what is a quipu?" in open_cuzco.generator.prompts[-1].text


async def test_files_come_into_the_prompt_with_their_names(cuzco: Town) -> None:
    file = cuzco.ann.file(cuzco.channel, "knots.py", b"tie()\n", "text/x-python")
    await cuzco.ann.mentions(cuzco.channel, "what is this?", [file])
    await cuzco.channel.wait_for(lambda _: cuzco.channel.from_bot)
    await cuzco.settled()
    assert "knots.py:\n```py\ntie()\n```" in cuzco.generator.prompts[-1].text


async def test_what_is_kept_about_a_person_is_sent_and_deleted(cuzco: Town) -> None:
    await answered(cuzco, "my cat is called Tom")
    export = await used(cuzco, cuzco.ann, "privacy export")
    [file] = export.attachments
    assert "my cat is called Tom" in file.content.decode()
    assert json.loads(file.content)
    question = await used(cuzco, cuzco.ann, "privacy delete")
    await cuzco.ann.presses(question, "Cancel")
    assert question.components == []
    assert cuzco.rows("SELECT count(*) FROM turns WHERE text LIKE '%Tom%'") != [(0,)]
    question = await used(cuzco, cuzco.ann, "privacy delete")
    await cuzco.ann.presses(question, "Delete everything about me")
    assert "Done" in question.content
    assert cuzco.rows("SELECT count(*) FROM turns WHERE role = 'user'") == [(0,)]


async def test_who_has_used_up_a_limit_is_told_kindly(cuzco: Town) -> None:
    await used(cuzco, cuzco.chief, "limits", person_messages=1)
    await answered(cuzco)
    await cuzco.ann.mentions(cuzco.channel, "more")
    await cuzco.channel.wait_for(lambda _: len(cuzco.channel.from_bot) == 2)
    await cuzco.settled()
    assert len(cuzco.generator.prompts) == 1
    usage = await used(cuzco, cuzco.ann, "usage")
    assert "1" in usage.content


async def test_people_are_spoken_to_in_their_own_language_where_there_is_one(cuzco: Town) -> None:
    cuzco.ann.locale = "xx"
    assert "Only people" in (await used(cuzco, cuzco.ann, "audit")).content
    cuzco.ann.locale = "es-419"
    assert "Solo quienes administran" in (await used(cuzco, cuzco.ann, "audit")).content


async def test_help_shows_what_the_person_can_do(cuzco: Town) -> None:
    mine = await used(cuzco, cuzco.ann, "help")
    theirs = await used(cuzco, cuzco.chief, "help")

    def all_of(answer: Message) -> str:
        return answer.content + "".join(one["description"] for one in answer.embeds)

    assert "/regenerate" in all_of(mine)
    assert "/audit" in all_of(theirs)
