"""From a message to an ended reply: once, in order, one at a time, always with an ending."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

import pytest

from bot.errors import (
    Forbidden,
    GenerationError,
    QuipuError,
    Refused,
    TooLong,
    Undeliverable,
)
from bot.reply.messages import MARKER
from bot.values import Author, Place, ReplyState, Role
from tests.board import Board, ScriptedGenerator
from tests.conversation.conftest import (
    ANN,
    BOB,
    CHANNEL,
    CHIEF,
    DIRECT,
    OTHER,
    THREAD,
    Build,
    House,
)


async def states(house: House) -> list[str]:
    """The states of all replies, oldest first, as the journal has them."""
    with closing(sqlite3.connect(house.file)) as database:
        return [row[0] for row in database.execute("SELECT state FROM replies ORDER BY id")]


async def test_a_message_is_answered_and_both_are_saved(house: House) -> None:
    await house.say("hello there")
    await house.quiet(1)
    assert house.board.texts == ["You said: Ann: hello there"]
    turns = await house.turns()
    assert [(turn.role, turn.text) for turn in turns] == [
        (Role.USER, "hello there"),
        (Role.ASSISTANT, "You said: Ann: hello there"),
    ]
    assert await states(house) == [ReplyState.DELIVERED]


async def test_the_same_message_is_answered_once(house: House) -> None:
    await asyncio.gather(*(house.say("hello", message_id="5") for _ in range(10)))
    await house.quiet(1)
    assert len(house.board.posted) == 1
    assert len(house.generator.prompts) == 1


async def test_a_mention_without_a_word_is_taken_for_a_greeting(house: House) -> None:
    await house.say("  ")
    await house.quiet(1)
    assert house.board.texts == ["You said: Ann: Hello!"]


async def test_two_people_at_one_place_are_answered_in_turn(build: Build) -> None:
    go = asyncio.Event()
    house = await build(ScriptedGenerator(lambda _: ["first", go] if not go.is_set() else ["then"]))
    house.conversations.attach(house.board)
    await house.say("one", ANN)
    await house.board.until(lambda: house.board.texts == [f"first{MARKER}"])
    await house.say("two", BOB)
    assert len(house.generator.prompts) == 1
    go.set()
    await house.quiet(2)
    assert house.board.texts == ["first", "then"]
    assert "Ann: one [/INST] first </s>" in house.generator.prompts[1].text
    assert house.generator.prompts[1].text.endswith("Bob: two [/INST]")
    assert [turn.text for turn in await house.turns()] == ["one", "first", "two", "then"]


async def test_what_one_person_writes_meanwhile_is_answered_together(build: Build) -> None:
    go = asyncio.Event()
    house = await build(ScriptedGenerator(lambda _: ["ok", go] if not go.is_set() else ["both"]))
    house.conversations.attach(house.board)
    await house.say("start", BOB)
    await house.board.until(lambda: len(house.board.posted) == 1)
    for text in ("one", "two"):
        await house.say(text, ANN)
    go.set()
    await house.quiet(2)
    assert house.generator.prompts[1].text.endswith("Ann: one\nAnn: two [/INST]")
    assert house.board.posted[1].answering == "102"
    assert await states(house) == ["delivered", "merged", "delivered"]


async def test_places_do_not_wait_for_one_another(build: Build) -> None:
    never = asyncio.Event()
    house = await build(
        ScriptedGenerator(lambda prompt: ["a", never] if "slow" in prompt.text else ["quick"])
    )
    house.conversations.attach(house.board)
    await house.say("slow", place=CHANNEL)
    for place in (OTHER, THREAD, DIRECT):
        await house.say("hi", place=place)
    await house.board.until(lambda: house.board.texts.count("quick") == 3)
    assert len(house.generator.prompts) == 4


async def test_conversations_do_not_mix(house: House) -> None:
    await house.say("the word is apple", place=CHANNEL)
    await house.say("the word is pear", place=THREAD)
    await house.say("the word is plum", place=DIRECT)
    await house.board.until(lambda: house.board.open_replies == 0 and len(house.board.posted) == 3)
    for prompt in house.generator.prompts:
        assert sum(word in prompt.text for word in ("apple", "pear", "plum")) == 1


async def test_names_are_given_in_shared_places_and_not_in_private(house: House) -> None:
    await house.say("hi", place=CHANNEL)
    await house.say("hi", place=DIRECT)
    await house.board.until(lambda: len(house.generator.prompts) == 2)
    by_privacy = {("Ann:" in prompt.text): prompt for prompt in house.generator.prompts}
    assert set(by_privacy) == {True, False}
    assert by_privacy[True].stops == ("\nAnn:",)


async def test_a_full_queue_says_so_and_loses_nothing_else(build: Build) -> None:
    go = asyncio.Event()
    house = await build(ScriptedGenerator(lambda _: ["x", go]), waiting=1)
    house.conversations.attach(house.board)
    for author in (ANN, BOB, CHIEF):
        await house.say("hi", author)
    await house.board.until(lambda: any("Too many people" in text for text in house.board.texts))
    go.set()
    await house.quiet(2)
    assert min(house.board.texts).startswith("Too many")
    assert await states(house) == ["delivered", "delivered", "failed"]


async def test_a_full_generator_is_explained(house: House) -> None:
    house.generator.full = True
    await house.say("hi")
    await house.board.until(lambda: len(house.board.posted) == 1)
    assert "Too many people" in house.board.texts[0]
    await house.conversations.drain(5.0)
    assert await states(house) == ["failed"]


async def test_a_generation_that_fails_keeps_its_text_and_explains_itself(build: Build) -> None:
    script = ScriptedGenerator(lambda _: ["Once upon ", "a time", GenerationError("out of memory")])
    house = await build(script)
    house.conversations.attach(house.board)
    await house.say("a story please")
    await house.quiet(1)
    shown = house.board.texts[0]
    assert shown.startswith("Once upon a time\n\n")
    assert GenerationError.notice in shown
    assert MARKER not in shown
    assert await states(house) == ["failed"]
    assert (await house.turns())[-1].text == "Once upon a time"
    assert script.answers[0].closed.is_set()


async def test_a_failure_that_nobody_thought_of_is_explained_as_well(build: Build) -> None:
    house = await build(ScriptedGenerator(lambda _: ["Once upon", ZeroDivisionError("a bug")]))
    house.conversations.attach(house.board)
    await house.say("a story please")
    await house.quiet(1)
    assert house.board.texts == [f"Once upon\n\n*({QuipuError.notice})*"]
    assert await states(house) == ["failed"]


@pytest.mark.parametrize("unseen", [" \n", "\x11\x16", "\u200b\u2066 \u2069", "\U000e0041"])
async def test_an_answer_without_a_word_is_not_left_empty(build: Build, unseen: str) -> None:
    house = await build(ScriptedGenerator(lambda _: list(unseen)))
    house.conversations.attach(house.board)
    await house.say("hi")
    await house.quiet(1)
    assert house.board.texts == ["*(I have nothing to say to that.)*"]


async def test_a_place_closed_to_the_bot_is_journalled_with_the_reason(build: Build) -> None:
    go = asyncio.Event()
    house = await build(ScriptedGenerator(lambda _: ["a ", go, "b ", "c "]))
    house.conversations.attach(house.board)
    house.board.failures = [Undeliverable("Missing Permissions")]
    await house.say("hi")
    await house.board.until(lambda: not house.board.failures)
    go.set()
    await house.quiet(1)
    assert await states(house) == ["failed"]
    assert house.board.posted == []
    assert house.generator.answers[0].closed.is_set()


async def test_the_asker_stops_an_answer_and_what_it_said_stays(build: Build) -> None:
    house = await build(ScriptedGenerator(lambda _: ["Once upon", asyncio.Event(), " a time"]))
    house.conversations.attach(house.board)
    await house.say("a story", ANN)
    await house.board.until(lambda: house.board.texts == [f"Once upon{MARKER}"])
    assert await house.conversations.stop(CHANNEL, ANN)
    await house.quiet(1)
    assert house.board.texts == ["Once upon"]
    assert await states(house) == ["stopped"]
    assert [turn.text for turn in await house.turns()] == ["a story", "Once upon"]


async def test_others_cannot_stop_an_answer_but_an_admin_can(build: Build) -> None:
    house = await build(ScriptedGenerator(lambda _: [asyncio.Event()]))
    house.conversations.attach(house.board)
    await house.say("a story", ANN)
    await house.board.until(lambda: house.board.typing == 1)
    with pytest.raises(Forbidden):
        await house.conversations.stop(CHANNEL, BOB)
    assert await house.conversations.stop(CHANNEL, CHIEF)
    await house.quiet(1)
    assert house.board.texts == ["*(Stopped.)*"]
    assert not await house.conversations.stop(CHANNEL, CHIEF)


async def test_a_message_deleted_while_it_waits_is_not_answered(build: Build) -> None:
    go = asyncio.Event()
    house = await build(ScriptedGenerator(lambda _: ["x", go]))
    house.conversations.attach(house.board)
    await house.say("one", ANN)
    await house.board.until(lambda: len(house.board.posted) == 1)
    message = await house.say("two", BOB)
    await house.conversations.withdraw(CHANNEL, message)
    go.set()
    await house.quiet(1)
    assert len(house.generator.prompts) == 1
    assert [turn.text for turn in await house.turns()] == ["one", "x"]
    assert await states(house) == ["delivered", "stopped"]


async def test_an_edited_message_is_read_as_it_stands_now(build: Build) -> None:
    go = asyncio.Event()
    house = await build(ScriptedGenerator(lambda _: ["x", go]))
    house.conversations.attach(house.board)
    await house.say("one", ANN)
    await house.board.until(lambda: len(house.board.posted) == 1)
    message = await house.say("tow", BOB)
    await house.conversations.amend(CHANNEL, message, "two")
    go.set()
    await house.quiet(2)
    assert house.generator.prompts[1].text.endswith("Bob: two [/INST]")


async def test_a_deleted_message_leaves_the_history(house: House) -> None:
    message = await house.say("my secret is 42")
    await house.board.until(lambda: house.board.open_replies == 0 and len(house.board.posted) == 1)
    await house.conversations.withdraw(CHANNEL, message)
    await house.say("what is my secret?")
    await house.board.until(lambda: len(house.generator.prompts) == 2)
    assert "Ann: my secret is 42 [/INST]" not in house.generator.prompts[1].text


async def test_a_long_conversation_keeps_fitting_and_keeps_its_persona(house: House) -> None:
    for count in range(25):
        await house.say(f"{count} the quick brown fox jumps over the lazy dog " * 2, place=DIRECT)
        await house.board.until(
            lambda count=count: (
                len(house.board.posted) == count + 1  # type: ignore[misc]
                and house.board.open_replies == 0
            )
        )
    prompts = house.generator.prompts
    assert all(len(prompt.ids) <= 768 for prompt in prompts)
    assert all("You are kind." in prompt.text for prompt in prompts)
    assert 1 < len({prompt.dropped for prompt in prompts}) < 8  # a step at a time, not every turn


async def test_an_unsaved_message_is_excused(house: House) -> None:
    with closing(sqlite3.connect(house.file)) as database:
        database.execute("DROP TABLE claims")
    await house.say("hi")
    assert house.board.texts == [
        "I could not write down your message, so I will not answer it. Please try again."
    ]


async def test_admins_set_the_persona_of_a_channel_and_its_threads_follow(house: House) -> None:
    await house.personas.set(THREAD, "You are a pirate.", CHIEF)
    assert (await house.personas.show(CHANNEL)).text == "You are a pirate."
    assert (await house.personas.show(OTHER)).text == "You are kind."
    await house.say("hi", place=THREAD)
    await house.quiet(1)
    assert "<<SYS>>\nYou are a pirate.\n<</SYS>>" in house.generator.prompts[0].text


async def test_a_cleared_persona_is_the_inherited_one_again(house: House) -> None:
    await house.personas.set(CHANNEL, "You are a pirate.", CHIEF)
    assert (await house.personas.clear(CHANNEL, CHIEF)).text == "You are kind."


@pytest.mark.parametrize("author", [ANN, BOB])
async def test_members_cannot_set_or_clear_a_persona(house: House, author: Author) -> None:
    with pytest.raises(Forbidden):
        await house.personas.set(CHANNEL, "You are a pirate.", author)
    with pytest.raises(Forbidden):
        await house.personas.clear(CHANNEL, author)
    assert (await house.personas.show(CHANNEL)).version == 0


async def test_a_persona_that_does_not_fit_is_refused_before_it_is_saved(house: House) -> None:
    with pytest.raises(TooLong):
        await house.personas.set(CHANNEL, "You are a pirate. " * 500, CHIEF)
    with pytest.raises(Refused):
        await house.personas.set(CHANNEL, "  ", CHIEF)
    assert (await house.personas.show(CHANNEL)).version == 0


async def test_many_places_at_once_are_all_answered(house: House) -> None:
    places = [Place("discord", "1", str(n)) for n in range(10, 60)]
    await asyncio.gather(*(house.say(f"hi {p.channel}", place=p) for p in places))
    await house.quiet(50)
    assert sorted(house.board.texts) == sorted(f"You said: Ann: hi {p.channel}" for p in places)


def test_the_board_is_a_messenger() -> None:
    from bot.ports import Messenger

    def takes(messenger: Messenger) -> str:
        return messenger.platform

    assert takes(Board()) == "discord"
