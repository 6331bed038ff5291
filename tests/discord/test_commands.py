"""The slash commands, as people use them."""

from __future__ import annotations

from bot.errors import StorageError
from tests.discord.stage import Stage

PERSONA = "You are a patient teacher."


async def shown(stage: Stage) -> str:
    """What `/persona show` tells Ann in the channel."""
    interaction = await stage.ann.runs_command("persona show", stage.channel)
    answer = await interaction.answer()
    return answer.content + "\n" + "".join(embed["description"] for embed in answer.embeds)


async def test_everybody_may_see_the_persona_and_only_they_see_the_answer(live: Stage) -> None:
    interaction = await live.ann.runs_command("persona show", live.channel)
    answer = await interaction.answer()
    assert answer.ephemeral
    assert answer.embeds[0]["description"] == "You are Quipu."
    assert not answer.pings


async def test_a_manager_sets_the_persona_of_the_channel(live: Stage) -> None:
    interaction = await live.mia.runs_command("persona set", live.channel, {"text": PERSONA})
    answer = await interaction.answer()
    assert answer.ephemeral
    assert answer.content.startswith("Done.")
    saved = live.personas.saved[live.place().id][-1]
    assert saved.text == PERSONA
    assert saved.set_by == str(live.mia.user.id)
    assert PERSONA in await shown(live)
    assert f"set by {live.mia.mention}" in await shown(live)


async def test_a_member_is_refused(live: Stage) -> None:
    for command, options in (("persona set", {"text": PERSONA}), ("persona clear", {})):
        interaction = await live.ann.runs_command(command, live.channel, options)
        answer = await interaction.answer()
        assert answer.ephemeral
        assert "manage this channel" in answer.content
    opening = await live.ann.runs_command("persona set", live.channel)
    assert opening.modal is None
    assert not live.personas.saved


async def test_the_modal_begins_with_the_present_persona_and_saves_what_is_written(
    live: Stage,
) -> None:
    opened = await live.mia.runs_command("persona set", live.channel)
    assert opened.modal is not None
    assert "You are Quipu." in str(opened.modal)
    long = "\n".join(["Be kind."] * 300)
    submitted = await live.mia.submits_modal(opened, {"How should I be here?": long})
    answer = await submitted.answer()
    assert answer.ephemeral
    assert answer.embeds[0]["description"] == long
    assert live.personas.saved[live.place().id][-1].text == long


async def test_who_stopped_managing_while_writing_is_refused_at_the_end(live: Stage) -> None:
    opened = await live.mia.runs_command("persona set", live.channel)
    live.channel.deny(live.mia.user, "manage_channels")
    submitted = await live.mia.submits_modal(opened, {"How should I be here?": PERSONA})
    assert "manage this channel" in (await submitted.answer()).content
    assert not live.personas.saved


async def test_in_a_thread_the_persona_of_its_channel_is_set(live: Stage) -> None:
    thread = live.channel.thread("red string")
    interaction = await live.mia.runs_command("persona set", thread, {"text": PERSONA})
    await interaction.answer()
    assert list(live.personas.saved) == [live.place().id]
    look = await live.ann.runs_command("persona show", thread)
    assert (await look.answer()).embeds[0]["description"] == PERSONA


async def test_in_a_dm_everybody_is_their_own_manager(live: Stage) -> None:
    interaction = await live.ann.runs_command("persona set", live.ann.dms, {"text": PERSONA})
    await interaction.answer()
    assert list(live.personas.saved) == [live.place(live.ann.dms).id]


async def test_clearing_goes_back_to_what_the_channel_inherits(live: Stage) -> None:
    await (await live.mia.runs_command("persona set", live.channel, {"text": PERSONA})).answer()
    cleared = await live.mia.runs_command("persona clear", live.channel)
    answer = await cleared.answer()
    assert "gone" in answer.content
    assert answer.embeds[0]["description"] == "You are Quipu."


async def test_a_persona_that_is_too_long_says_so_in_its_own_words(live: Stage) -> None:
    options = {"text": "x" * 3500}
    interaction = await live.mia.runs_command("persona set", live.channel, options)
    assert (await interaction.answer()).content == "That persona is too long for me."


async def test_a_persona_of_spaces_is_refused(live: Stage) -> None:
    interaction = await live.mia.runs_command("persona set", live.channel, {"text": "   "})
    assert "needs some words" in (await interaction.answer()).content
    assert not live.personas.saved


async def test_a_failure_of_ours_is_told_in_its_notice(live: Stage) -> None:
    live.personas.failure = StorageError("disk full")
    interaction = await live.ann.runs_command("persona show", live.channel)
    assert (await interaction.answer()).content == StorageError.notice


async def test_a_failure_nobody_thought_of_is_still_answered(live: Stage) -> None:
    live.personas.failure = ZeroDivisionError("?")
    interaction = await live.mia.runs_command("persona set", live.channel)
    assert "Something went wrong" in (await interaction.answer()).content


async def test_a_command_that_is_no_more_is_answered(live: Stage) -> None:
    command = next(c for c in live.server.world.commands[0] if c["name"] == "persona")
    live.server.world.commands[0] = [{**command, "name": "soul"}]
    interaction = await live.ann.runs_command("soul show", live.channel)
    assert "do not know that command" in (await interaction.answer()).content


async def test_stop_names_the_place_and_the_person_to_the_core(live: Stage) -> None:
    interaction = await live.ann.runs_command("stop", live.channel)
    assert (await interaction.answer()).content == "Stopped."
    assert live.inbox.stopped == [(live.place().id, str(live.ann.user.id))]
    live.inbox.writing = False
    interaction = await live.ann.runs_command("stop", live.channel)
    assert (await interaction.answer()).content == "I am not writing anything here."
