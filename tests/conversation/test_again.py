"""Regenerate, continue, earlier, reset and stop: what they do, and when they refuse."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from bot.errors import Forbidden, GenerationError, Refused
from bot.reply.messages import MARKER
from bot.values import Choice, FinishReason, ReplyState, Role
from tests.board import ScriptedGenerator, Step
from tests.conversation.conftest import ANN, BOB, CHANNEL, CHIEF, Build, House
from tests.conversation.test_conversations import states


def answers(*scripts: list[Step]) -> ScriptedGenerator:
    """Each prompt gets the next of these answers."""
    left = list(scripts)
    return ScriptedGenerator(lambda _: left.pop(0))


async def asked(build: Build, *scripts: list[Step]) -> House:
    """A house in which Ann asked one question and was answered by the first script."""
    house = await build(answers(*scripts))
    house.conversations.attach(house.board)
    await house.say("a story")
    await house.board.until(lambda: bool(house.board.posted))
    await house.idle()
    return house


async def test_another_answer_comes_into_the_same_message_and_the_first_is_kept(
    build: Build,
) -> None:
    house = await asked(build, ["First."], ["Second."])
    await house.use("regenerate")
    await house.idle()
    assert house.board.texts == ["Second."]
    record = await house.newest()
    assert [answer.text for answer in record.alternatives] == ["First.", "Second."]
    assert record.shown == 2
    assert [turn.text for turn in await house.turns()] == ["a story", "Second."]
    assert house.generator.prompts[0].text == house.generator.prompts[1].text


async def test_earlier_answers_come_back_in_a_circle(build: Build) -> None:
    house = await asked(build, ["First."], ["Second."], ["Third."])
    for _ in range(2):
        await house.use("regenerate")
        await house.idle()
    seen = []
    for _ in range(3):
        seen.append((await house.use("earlier")).text)
        await house.idle()
        seen.append(house.board.texts[0])
    assert seen == [
        *("This is answer 2 of 3.", "Second."),
        *("This is answer 1 of 3.", "First."),
        *("This is answer 3 of 3.", "Third."),
    ]
    assert len(house.generator.prompts) == 3


async def test_the_conversation_goes_on_from_the_answer_that_is_shown(build: Build) -> None:
    house = await asked(build, ["First."], ["Second."], ["Next."])
    await house.use("regenerate")
    await house.idle()
    await house.use("earlier")
    await house.idle()
    await house.say("go on")
    await house.board.until(lambda: len(house.board.posted) == 2)
    await house.idle()
    assert "a story [/INST] First. </s>" in house.generator.prompts[2].text


async def test_an_answer_that_was_cut_is_continued_in_the_same_message(build: Build) -> None:
    house = await asked(build, ["Once upon", FinishReason.LENGTH], [" a time."])
    await house.use("continue")
    await house.idle()
    assert house.board.texts == ["Once upon a time."]
    assert house.generator.prompts[1].text.endswith("a story [/INST] Once upon")
    assert house.generator.prompts[1].text.startswith(house.generator.prompts[0].text)
    first = house.generator.prompts[0].ids
    assert house.generator.prompts[1].ids[: len(first)] == first
    assert [turn.text for turn in await house.turns()] == ["a story", "Once upon a time."]
    with pytest.raises(Refused, match="not_cut"):
        await house.use("continue")


async def test_what_was_begun_is_shown_while_it_goes_on(build: Build) -> None:
    go = asyncio.Event()
    house = await asked(build, ["Once upon", FinishReason.LENGTH], [go, " a time."])
    await house.use("continue")
    await house.board.until(lambda: house.board.texts == [f"Once upon{MARKER}"])
    go.set()
    await house.idle()
    assert house.board.texts == ["Once upon a time."]


async def test_an_answer_that_failed_again_gives_way_to_the_earlier_one(build: Build) -> None:
    house = await asked(build, ["First."], ["Sec", GenerationError("out of memory")])
    await house.use("regenerate")
    await house.idle()
    assert house.board.texts[0].startswith("First.\n\n*(I could not write another answer")
    assert GenerationError.notice in house.board.texts[0]
    record = await house.newest()
    assert (record.state, record.shown) == (ReplyState.DELIVERED, 1)
    assert [turn.text for turn in await house.turns()] == ["a story", "First."]


async def test_what_is_stopped_before_its_first_word_gives_way_to_the_earlier_one(
    build: Build,
) -> None:
    house = await asked(build, ["First."], [asyncio.Event()])
    await house.use("regenerate")
    await house.board.until(lambda: house.board.typing == 1)
    await house.use("stop")
    await house.idle()
    assert house.board.texts == ["First."]
    assert [turn.text for turn in await house.turns()] == ["a story", "First."]


async def test_what_was_written_until_it_was_stopped_is_an_alternative_too(build: Build) -> None:
    house = await asked(build, ["First."], ["Seco", asyncio.Event()])
    await house.use("regenerate")
    await house.board.until(lambda: house.board.texts == [f"Seco{MARKER}"])
    await house.use("stop")
    await house.idle()
    record = await house.newest()
    assert [answer.text for answer in record.alternatives] == ["First.", "Seco"]
    assert (record.state, record.text) == (ReplyState.STOPPED, "Seco")


@pytest.mark.parametrize("command", ["regenerate", "continue"])
async def test_a_crash_in_the_middle_is_made_good_by_the_next_start(
    build: Build, command: str
) -> None:
    house = await asked(build, ["Once", FinishReason.LENGTH], [" more", asyncio.Event()])
    await house.use(command)
    await house.board.until(lambda: "more" in house.board.texts[0])
    await house.conversations.drain(0.0)
    assert await states(house) == [ReplyState.GENERATING]
    again = await build(answers([" upon a time."]))
    assert await again.conversations.recover(again.board) == 1
    await again.quiet(1)
    whole = {"regenerate": "upon a time.", "continue": "Once upon a time."}[command]
    assert again.board.texts == [whole]
    record = await again.newest()
    assert [answer.text for answer in record.alternatives] == ["Once", whole]
    assert [turn.text for turn in await again.turns()] == ["a story", whole]


async def test_an_answer_too_old_to_be_given_again_falls_back_on_the_earlier_one(
    build: Build,
) -> None:
    house = await asked(build, ["First."], ["Seco", asyncio.Event()])
    await house.use("regenerate")
    await house.board.until(lambda: "Seco" in house.board.texts[0])
    await house.conversations.drain(0.0)
    again = await build(resume_within=timedelta(0))
    await again.conversations.recover(again.board)
    await again.idle()
    assert again.board.texts == ["First.\n\n*(I was interrupted here. Please ask me again.)*"]
    assert [turn.text for turn in await again.turns()] == ["a story", "First."]


async def test_a_chosen_answer_that_was_not_shown_before_a_crash_is_shown(build: Build) -> None:
    house = await asked(build, ["First."], ["Second."])
    await house.use("regenerate")
    await house.idle()
    house.board.gate.clear()
    await house.use("earlier")
    await house.board.until(lambda: house.board.in_flight == 1)
    await house.conversations.drain(0.0)
    house.board.gate.set()
    again = await build()
    await again.conversations.recover(again.board)
    await again.idle()
    assert again.board.texts == ["First."]
    assert again.generator.prompts == []


async def test_a_reset_begins_a_new_conversation(build: Build) -> None:
    house = await asked(build, ["First."], ["Next."])
    assert "2 messages" in (await house.use("reset", BOB)).text
    assert "already" in (await house.use("reset", BOB)).text
    with pytest.raises(Refused, match="no_answer"):
        await house.use("regenerate")
    await house.say("hello")
    await house.board.until(lambda: len(house.board.texts) == 2)
    assert "a story" not in house.generator.prompts[1].text


@pytest.mark.parametrize("command", ["regenerate", "earlier", "continue"])
async def test_a_button_of_an_earlier_reply_says_that_the_conversation_has_moved_on(
    build: Build, command: str
) -> None:
    house = await asked(build, ["First.", FinishReason.LENGTH], ["Second."])
    old = await house.newest()
    await house.say("and then?")
    await house.board.until(lambda: len(house.board.posted) == 2)
    await house.idle()
    with pytest.raises(Refused, match="moved_on"):
        await house.use(command, reply_id=old.reply_id)
    assert house.board.texts == ["First.", "Second."]


@pytest.mark.parametrize("command", ["regenerate", "earlier", "continue", "undo"])
async def test_nothing_is_changed_while_an_answer_is_being_written(
    build: Build, command: str
) -> None:
    house = await build(answers(["Once", asyncio.Event()]))
    house.conversations.attach(house.board)
    await house.say("a story")
    await house.board.until(lambda: bool(house.board.posted))
    with pytest.raises(Refused, match="still_writing"):
        await house.use(command)
    assert await states(house) == [ReplyState.GENERATING]


@pytest.mark.parametrize("command", ["regenerate", "earlier", "continue", "undo"])
async def test_only_the_asker_and_admins_change_an_answer(build: Build, command: str) -> None:
    house = await asked(build, ["First.", FinishReason.LENGTH], ["Second."], ["Third."])
    await house.use("regenerate")
    await house.idle()
    with pytest.raises(Forbidden):
        await house.use(command, BOB)
    if command == "continue":
        with pytest.raises(Refused, match="not_cut"):
            await house.use(command, CHIEF)
    else:
        assert (await house.use(command, CHIEF)).text
    await house.idle()


async def test_a_stranger_cannot_stop_and_a_button_stops_its_own_reply_alone(
    build: Build,
) -> None:
    house = await asked(build, ["First."], ["Once", asyncio.Event()])
    old = await house.newest()
    with pytest.raises(Refused, match="not_writing"):
        await house.use("stop")
    await house.say("more")
    await house.board.until(lambda: len(house.board.posted) == 2)
    with pytest.raises(Refused, match="not_writing"):
        await house.use("stop", reply_id=old.reply_id)
    with pytest.raises(Forbidden):
        await house.use("stop", BOB)
    assert (await house.use("stop")).text == "I am stopping."
    await house.idle()
    assert house.board.texts[1] == "Once"


async def test_a_fixed_seed_moves_on_so_that_another_answer_can_differ(build: Build) -> None:
    house = await build(answers(["First."], ["Second."]))
    house.conversations.attach(house.board)
    house.choices.by_place[CHANNEL] = Choice(sampling=(("seed", 7),))
    await house.say("a story")
    await house.board.until(lambda: bool(house.board.posted))
    await house.idle()
    await house.use("regenerate")
    await house.idle()
    assert [sampling.seed for sampling in house.generator.samplings] == [7, 8]


async def test_what_a_person_asks_meanwhile_is_answered_after_the_other_answer(
    build: Build,
) -> None:
    go = asyncio.Event()
    house = await asked(build, ["First."], ["Second.", go], ["Third."])
    await house.use("regenerate")
    await house.board.until(lambda: len(house.generator.prompts) == 2)
    await house.say("and then?", ANN)
    go.set()
    await house.quiet(3)
    assert house.board.texts == ["Second.", "Third."]
    assert [turn.role for turn in await house.turns()] == [Role.USER, Role.ASSISTANT] * 2


async def test_of_two_who_press_at_once_one_is_told_to_wait(build: Build) -> None:
    go = asyncio.Event()
    house = await asked(build, ["First."], [go, "Second."], ["Third."])
    done = await asyncio.gather(
        *(house.use("regenerate", author) for author in (ANN, CHIEF)), return_exceptions=True
    )
    go.set()
    await house.idle()
    assert sum(isinstance(each, Refused) for each in done) == 1
    assert len((await house.newest()).alternatives) == 2


async def test_an_answer_to_a_message_deleted_since_stays_as_it_is(build: Build) -> None:
    house = await build(answers(["First."]))
    house.conversations.attach(house.board)
    message = await house.say("a story")
    await house.board.until(lambda: bool(house.board.posted))
    await house.idle()
    await house.conversations.withdraw(CHANNEL, message)
    await house.use("regenerate")
    await house.idle()
    assert house.board.texts[0].startswith("First.")
    assert [answer.text for answer in (await house.newest()).alternatives] == ["First."]


async def test_a_message_that_a_shorter_answer_took_back_is_not_written_over_by_a_longer_one(
    build: Build,
) -> None:
    long = "\n\n".join(["word " * 300, "more " * 300])
    house = await asked(build, [long], ["Short."], [long])
    two = list(house.board.texts)
    for _ in range(2):
        await house.use("regenerate")
        await house.idle()
    assert len(two) == 2
    assert house.board.texts == two
    assert await states(house) == [ReplyState.DELIVERED]
