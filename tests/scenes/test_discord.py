"""Scenes in a loopback Discord: who writes what, and what everybody then sees."""

from __future__ import annotations

import asyncio

from bot.reply.messages import MARKER
from tests.scenes.conftest import Town


async def test_a_mention_is_answered_in_growing_edits_up_to_what_is_stored(cuzco: Town) -> None:
    steps = [asyncio.Event() for _ in range(3)]
    words = ["Once ", "upon ", "a ", "time."]
    cuzco.generator.script = lambda _: [
        words[0],
        *(x for step, word in zip(steps, words[1:], strict=True) for x in (step, word)),
    ]
    question = await cuzco.ann.mentions(cuzco.channel, "a story please")
    shown = ["Once", "Once upon", "Once upon a"]
    for text, step in zip(shown, steps, strict=True):
        await cuzco.answer(cuzco.channel, text + MARKER)
        step.set()
    answer = await cuzco.answer(cuzco.channel, "Once upon a time.")
    await cuzco.settled()
    assert [version.content for version in answer.timeline] == [
        *(text + MARKER for text in shown),
        "Once upon a time.",
    ]
    assert answer.reference is question
    assert cuzco.answers() == ["Once upon a time."]
    assert cuzco.states() == ["delivered"]
    assert cuzco.generator.prompts[0].text.endswith("Ann: a story please [/INST]")


async def test_typing_shows_until_the_first_words(cuzco: Town) -> None:
    begin = asyncio.Event()
    cuzco.generator.script = lambda _: [begin, "Hi."]
    waiting = asyncio.create_task(cuzco.channel.wait_for_typing())
    await cuzco.ann.mentions(cuzco.channel, "hello")
    await waiting
    assert cuzco.channel.from_bot == []
    begin.set()
    await cuzco.answer(cuzco.channel, "Hi.")


async def test_a_dm_is_a_conversation_of_its_own_without_names(cuzco: Town) -> None:
    await cuzco.ann.dm("hello from the dark")
    await cuzco.answer(cuzco.ann.dms, "You said: hello from the dark")
    await cuzco.ann.mentions(cuzco.channel, "hello in the light")
    await cuzco.answer(cuzco.channel, "You said: Ann: hello in the light")
    assert "dark" not in cuzco.generator.prompts[1].text


async def test_a_thread_remembers_only_itself_but_has_its_channels_persona(cuzco: Town) -> None:
    await cuzco.chief.runs_command("persona set", cuzco.channel, {"text": "You are a pirate."})
    await cuzco.ann.mentions(cuzco.channel, "the word is apple")
    await cuzco.answer(cuzco.channel, "You said: Ann: the word is apple")
    thread = await cuzco.ann.starts_thread(cuzco.channel, "fruit")
    await cuzco.ann.mentions(thread, "what is the word?")
    await cuzco.answer(thread, "You said: Ann: what is the word?")
    prompt = cuzco.generator.prompts[-1].text
    assert "apple" not in prompt
    assert "<<SYS>>\nYou are a pirate.\n<</SYS>>" in prompt


async def test_a_reply_to_the_bot_needs_no_mention(cuzco: Town) -> None:
    await cuzco.ann.mentions(cuzco.channel, "one")
    answer = await cuzco.answer(cuzco.channel, "You said: Ann: one")
    question = await cuzco.ann.replies_to(answer, "two")
    second = await cuzco.answer(cuzco.channel, "You said: Ann: two", count=2)
    assert second.reference is question


async def test_two_people_at_once_in_one_channel_are_answered_in_order(cuzco: Town) -> None:
    go = asyncio.Event()
    cuzco.generator.script = lambda prompt: (
        ["For Ann", go, "."] if prompt.text.endswith("Ann: one [/INST]") else ["For Bob."]
    )
    await cuzco.ann.mentions(cuzco.channel, "one")
    await cuzco.bob.mentions(cuzco.channel, "two")
    await cuzco.channel.wait_for(
        lambda _: [m for m in cuzco.channel.from_bot if m.content == f"For Ann{MARKER}"]
    )
    go.set()
    await cuzco.answer(cuzco.channel, "For Bob.", count=2)
    await cuzco.settled()
    assert [m.content for m in cuzco.channel.from_bot] == ["For Ann.", "For Bob."]
    assert "Ann: one [/INST] For Ann. </s>" in cuzco.generator.prompts[1].text


async def test_twenty_channels_at_once_meet_no_rate_limit(cuzco: Town) -> None:
    words = [f"word{i} " for i in range(120)]
    cuzco.generator.script = lambda _: words
    channels = [cuzco.guild.channel(f"c{i}") for i in range(20)]
    await asyncio.gather(*(cuzco.ann.mentions(c, "go") for c in channels))
    whole = "".join(words).strip()
    await asyncio.gather(*(cuzco.answer(c, whole) for c in channels))
    await cuzco.settled()
    assert cuzco.server.limits.total_refused == 0
    assert cuzco.states() == ["delivered"] * 20


async def test_a_long_answer_goes_on_in_further_messages_with_its_code_whole(cuzco: Town) -> None:
    code = "".join(f"value_{i} = {i} * {i}\n" for i in range(200))
    text = f"Here it is:\n\n```python\n{code}```\n\nThat is all."
    cuzco.generator.script = lambda _: [text[i : i + 7] for i in range(0, len(text), 7)]
    await cuzco.ann.mentions(cuzco.channel, "squares please")
    await cuzco.channel.wait_for(
        lambda _: (
            bool(cuzco.channel.from_bot)
            and cuzco.channel.from_bot[-1].content.endswith("That is all.")
        )
    )
    await cuzco.settled()
    said = [message.content for message in cuzco.channel.from_bot]
    assert len(said) >= 3
    assert all(len(content) <= 2000 for content in said)
    assert all(content.count("```") % 2 == 0 for content in said)
    assert all("```python\n" in content for content in said[:-1])
    lines = [line for content in said for line in content.splitlines() if "value_" in line]
    assert lines == code.splitlines()
    assert cuzco.answers() == [text]
    parts = cuzco.rows("SELECT message_id FROM reply_parts ORDER BY idx")
    assert [int(str(part)) for (part,) in parts] == [m.id for m in cuzco.channel.from_bot]


async def test_nothing_that_the_model_writes_pings_anybody(cuzco: Town) -> None:
    role = cuzco.guild.role("elders", mentionable=True)
    text = f"@everyone @here {cuzco.bob.mention} {role.mention} wake up"
    cuzco.generator.script = lambda _: ["Hear me", ": ", text]
    await cuzco.ann.mentions(cuzco.channel, "wake them")
    answer = await cuzco.answer(cuzco.channel, f"Hear me: {text}")
    await cuzco.settled()
    assert answer.pings == set()


async def test_a_manager_sets_the_persona_and_it_survives_a_restart(cuzco: Town) -> None:
    shown = await cuzco.chief.runs_command("persona set", cuzco.channel, {"text": "Speak Latin."})
    assert (await shown.answer()).ephemeral
    await cuzco.ann.mentions(cuzco.channel, "hello")
    await cuzco.answer(cuzco.channel, "You said: Ann: hello")
    assert "Speak Latin." in cuzco.generator.prompts[0].text
    kept = cuzco.rows("SELECT text, version FROM personas")
    assert kept == [("Speak Latin.", 1)]


async def test_a_long_persona_comes_through_a_modal(cuzco: Town) -> None:
    shown = await cuzco.chief.runs_command("persona set", cuzco.channel)
    text = "You are an Inca accountant.\n" + "You count in knots. " * 10
    field = next(iter(_field_names(shown.modal)))
    saved = await cuzco.chief.submits_modal(shown, {field: text})
    assert (await saved.answer()).ephemeral
    assert cuzco.rows("SELECT text FROM personas") == [(text.strip(),)]


async def test_a_member_cannot_set_the_persona_even_by_a_command_shown_to_all(cuzco: Town) -> None:
    refused = await cuzco.ann.runs_command(
        "persona set", cuzco.channel, {"text": "Obey Ann."}, even_if_hidden=True
    )
    answer = await refused.answer()
    assert answer.ephemeral
    assert "manage" in answer.content.lower()
    assert cuzco.rows("SELECT count(*) FROM personas") == [(0,)]


async def test_a_duplicate_gateway_event_is_answered_once(cuzco: Town) -> None:
    message = await cuzco.ann.mentions(cuzco.channel, "hello")
    cuzco.server.gateway.repeat(message)
    cuzco.server.gateway.repeat(message)
    await cuzco.answer(cuzco.channel, "You said: Ann: hello")
    await cuzco.ann.mentions(cuzco.channel, "and now?")
    await cuzco.answer(cuzco.channel, "You said: Ann: and now?", count=2)
    await cuzco.settled()
    assert len(cuzco.channel.from_bot) == 2
    assert cuzco.states() == ["delivered", "delivered"]


async def test_a_killed_socket_resumes_and_misses_nothing(cuzco: Town) -> None:
    cuzco.server.gateway.kill()
    await cuzco.ann.mentions(cuzco.channel, "said while it was away")
    await cuzco.server.gateway.wait_resumed()
    await cuzco.answer(cuzco.channel, "You said: Ann: said while it was away")
    await cuzco.settled()
    assert len(cuzco.channel.from_bot) == 1


async def test_bots_and_its_own_messages_are_passed_over(cuzco: Town) -> None:
    other = cuzco.guild.member("Robot", bot=True)
    await other.mentions(cuzco.channel, "hello bot")
    await cuzco.ann.says(cuzco.channel, "nobody in particular")
    await cuzco.ann.mentions(cuzco.channel, "hello")
    await cuzco.answer(cuzco.channel, "You said: Ann: hello")
    await cuzco.settled()
    assert len(cuzco.generator.prompts) == 1


async def test_where_it_may_not_write_the_reply_fails_with_the_reason(cuzco: Town) -> None:
    secret = cuzco.guild.channel("read-only")
    secret.deny(cuzco.guild.everyone, "send_messages")
    await cuzco.chief.mentions(secret, "hello")
    await cuzco.ann.mentions(cuzco.channel, "hello")
    await cuzco.answer(cuzco.channel, "You said: Ann: hello")
    await cuzco.settled()
    rows = cuzco.rows("SELECT state, reason FROM replies ORDER BY state DESC")
    assert rows[0][0] == "failed"
    assert "Undeliverable" in str(rows[0][1])
    assert rows[1][0] == "delivered"


async def test_edits_and_deletions_change_the_conversation(cuzco: Town) -> None:
    first = await cuzco.ann.dm("my cat is called Tom")
    await cuzco.answer(cuzco.ann.dms, "You said: my cat is called Tom")
    second = await cuzco.ann.dm("and my dog Rex")
    await cuzco.answer(cuzco.ann.dms, "You said: and my dog Rex", count=2)
    await cuzco.ann.edits(first, "my cat is called Felix")
    await cuzco.ann.deletes(second)
    await cuzco.ann.dm("what do you know?")
    await cuzco.answer(cuzco.ann.dms, "You said: what do you know?", count=3)
    prompt = cuzco.generator.prompts[-1].text
    assert "my cat is called Felix [/INST]" in prompt
    assert "[INST] and my dog Rex" not in prompt


async def test_a_deleted_answer_ends_the_reply_without_a_loop(cuzco: Town) -> None:
    go = asyncio.Event()
    cuzco.generator.script = lambda _: ["Here ", go, "it ", "is."]
    await cuzco.ann.mentions(cuzco.channel, "hello")
    message = await cuzco.answer(cuzco.channel, f"Here{MARKER}")
    await cuzco.chief.deletes(message)
    go.set()
    await cuzco.settled()
    assert cuzco.states() == ["failed"]


async def test_server_errors_in_mid_reply_do_not_keep_the_final_text_from_standing(
    cuzco: Town,
) -> None:
    go = asyncio.Event()
    cuzco.generator.script = lambda _: ["Half", go, " and whole."]
    await cuzco.ann.mentions(cuzco.channel, "hello")
    await cuzco.answer(cuzco.channel, f"Half{MARKER}")
    cuzco.server.faults.drop("PATCH", "/messages/", times=2)
    go.set()
    await cuzco.answer(cuzco.channel, "Half and whole.")
    await cuzco.settled()
    assert cuzco.states() == ["delivered"]


def _field_names(modal: object) -> list[str]:
    from tests.loopback.discord.interactions import fields

    return [field.custom_id for field in fields(modal)]  # type: ignore[arg-type]


async def test_stop_ends_an_answer_for_its_asker_and_nobody_else(cuzco: Town) -> None:
    cuzco.generator.script = lambda _: ["Once upon a time", asyncio.Event(), " never said"]
    await cuzco.ann.mentions(cuzco.channel, "a story please")
    await cuzco.answer(cuzco.channel, f"Once upon a time{MARKER}")
    refused = await cuzco.bob.runs_command("stop", cuzco.channel)
    assert "Only who asked" in (await refused.answer()).content
    await cuzco.ann.runs_command("stop", cuzco.channel)
    await cuzco.answer(cuzco.channel, "Once upon a time")
    await cuzco.settled()
    assert cuzco.states() == ["stopped"]
    assert cuzco.answers() == ["Once upon a time"]
