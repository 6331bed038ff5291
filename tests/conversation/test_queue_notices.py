"""People see their place in the queue in a message that becomes their answer."""

from __future__ import annotations

import asyncio
import math
from datetime import UTC, datetime

from bot.conversation.queue_notices import QueueNotices
from bot.prompt.builder import PromptBuilder
from bot.prompt.formats import Llama2Format
from bot.prompt.tokenizer import Tokenizer
from bot.values import Choice, Inbound, Part, ReplyState
from tests.board import PATIENCE, ScriptedGenerator
from tests.conversation.conftest import ANN, BOB, CHANNEL, CHIEF, THREAD, Build, House
from tests.conversation.test_conversations import states
from tests.engines.machine import Machine, Model

FIRST = "You are number 1 in the queue."


async def held_up(build: Build, go: asyncio.Event, *, patience: float = 0.01) -> House:
    """A house in which an answer to Bob is being written until `go`."""
    script = ScriptedGenerator(lambda _: ["slow", go] if not go.is_set() else ["Here."])
    house = await build(script, patience=patience)
    house.conversations.attach(house.board)
    await house.say("start", BOB)
    await house.board.until(lambda: len(house.board.posted) == 1)
    return house


async def test_who_waits_behind_others_is_told_and_answered_in_the_same_message(
    build: Build,
) -> None:
    go = asyncio.Event()
    house = await held_up(build, go)
    await house.say("hello", ANN)
    await house.board.until(lambda: house.board.texts[1:] == [FIRST])
    await house.say("me too", CHIEF)
    await house.board.until(lambda: house.board.texts[2:] == ["You are number 2 in the queue."])
    go.set()
    await house.idle()
    assert house.board.texts == ["slow", "Here.", "Here."]
    assert [message.answering for message in house.board.posted] == ["100", "101", "102"]
    assert not any("queue" in turn.text for turn in await house.turns())


async def test_who_waits_for_nobody_else_is_not_told(build: Build) -> None:
    go = asyncio.Event()
    house = await held_up(build, go)
    await house.say("and more", BOB)
    await house.say("hello", ANN)
    await house.board.until(lambda: len(house.board.posted) == 2)
    assert house.board.posted[1].answering == "102"
    go.set()
    await house.idle()
    assert len(house.board.posted) == 3


async def test_messages_answered_together_leave_one_notice_behind(build: Build) -> None:
    go = asyncio.Event()
    house = await held_up(build, go)
    await house.say("one", ANN)
    await house.board.until(lambda: len(house.board.posted) == 2)
    await house.say("two", ANN)
    go.set()
    await house.idle()
    assert house.board.texts == ["slow", "Here."]
    assert house.generator.prompts[1].text.endswith("Ann: one\nAnn: two [/INST]")


async def test_a_message_deleted_while_it_waits_takes_its_notice_along(build: Build) -> None:
    go = asyncio.Event()
    house = await held_up(build, go)
    message = await house.say("never mind", ANN)
    await house.board.until(lambda: len(house.board.posted) == 2)
    await house.conversations.withdraw(CHANNEL, message)
    await house.board.until(lambda: house.board.texts[1:] == [])
    go.set()
    await house.idle()
    assert all("never mind" not in prompt.text for prompt in house.generator.prompts)
    assert len(house.board.texts) == 1


async def test_a_restart_answers_in_the_message_of_the_notice(build: Build) -> None:
    go = asyncio.Event()
    house = await held_up(build, go)
    await house.say("hello", ANN)
    await house.board.until(lambda: len(house.board.posted) == 2)
    await house.conversations.drain(0.0)
    assert await states(house) == [ReplyState.GENERATING, ReplyState.QUEUED]
    go.set()
    again = await build(ScriptedGenerator(lambda _: ["Here."]))
    await again.conversations.recover(again.board)
    await again.idle()
    assert again.board.texts == ["Here.", "Here."]


async def test_without_budget_nothing_is_posted_for_who_waits(build: Build) -> None:
    go = asyncio.Event()
    house = await held_up(build, go)
    house.board.seconds = math.inf
    looked = house.board.looked
    await house.say("hello", ANN)
    await house.board.until(lambda: house.board.looked > looked + 2)
    assert len(house.board.posted) == 1
    house.board.seconds = 0.0
    go.set()
    await house.idle()
    assert house.board.texts == ["slow", "Here."]


async def test_who_waits_for_a_model_to_be_loaded_is_told(
    build: Build, tokenizer: Tokenizer
) -> None:
    prompts = PromptBuilder(Llama2Format(tokenizer), context=4096, reserve=256)
    model = Model("Large", Machine(), prompts)
    model.gate.clear()
    house = await build(sources=[model], patience=0.01)
    house.choices.by_place[CHANNEL] = Choice("Large")
    house.conversations.attach(house.board)
    await house.say("hello", ANN)
    await house.board.until(lambda: house.board.texts == ["I am waking Large for this …"])
    model.gate.set()
    await house.idle()
    assert len(house.board.posted) == 1
    assert "waking" not in house.board.texts[0]
    assert not any("waking" in turn.text for turn in await house.turns())


async def test_a_notice_on_its_way_is_known_to_whoever_answers(build: Build) -> None:
    house = await build()
    reply = await house.store.claim(Inbound(CHANNEL, ANN, "hello", "100", datetime.now(UTC)))
    assert reply is not None
    house.board.gate.clear()
    notices = QueueNotices(house.store, patience=0.0)
    notices.begin(reply, house.board.outlet(CHANNEL, "100"), lambda: 1)
    await house.board.until(lambda: house.board.in_flight == 1)
    turn = asyncio.create_task(notices.end(reply))
    await asyncio.wait([turn], timeout=0.05)
    house.board.gate.set()
    assert [part.message_id for part in (await turn).parts] == [house.board.posted[0].id]


async def test_a_notice_that_a_crash_left_under_a_merged_message_is_taken_back(
    build: Build,
) -> None:
    house = await build()
    claims = [Inbound(CHANNEL, ANN, "hello", str(number), datetime.now(UTC)) for number in (1, 2)]
    one, two = [await house.store.claim(each) for each in claims]
    assert one is not None
    assert two is not None
    posted = await house.board.create(CHANNEL, "1", FIRST, "n")
    await house.store.save_part(one.id, Part(0, posted.id))
    await house.store.merge([one.id], two.id)
    again = await build(ScriptedGenerator(lambda _: ["Here."]))
    await again.conversations.recover(again.board)
    await again.idle()
    assert again.board.texts == ["Here."]
    assert await again.store.left_over("discord") == []


async def test_notices_that_a_crash_left_do_not_hold_up_the_start(build: Build) -> None:
    house = await build()
    merged = []
    for number, place in enumerate((CHANNEL, THREAD)):
        said = Inbound(place, ANN, "hello", f"{number}", datetime.now(UTC))
        reply = await house.store.claim(said)
        assert reply is not None
        posted = await house.board.create(place, said.message_id, FIRST, said.message_id)
        await house.store.save_part(reply.id, Part(0, posted.id))
        await house.store.end(reply.id, ReplyState.MERGED)
        merged.append(posted)
    again = await build()
    again.board.gate.clear()  # the platform does not answer
    async with asyncio.timeout(PATIENCE):
        await again.conversations.recover(again.board)
    await again.board.until(lambda: again.board.in_flight == 2)
    again.board.gate.set()
    await again.board.until(lambda: all(each.deleted for each in merged))
