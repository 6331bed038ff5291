"""What people read when a model goes round in circles, or will never answer again."""

from __future__ import annotations

import asyncio

import pytest

from bot.control.words import say, told
from bot.errors import GeneratorLost
from bot.values import Finish, FinishReason, Role
from tests.board import ScriptedGenerator
from tests.conversation.conftest import Build, House


async def states(house: House) -> list[str]:
    return [reply.state for reply in await house.store.unfinished("discord")]


@pytest.mark.parametrize("surplus", [0, 12])
async def test_an_answer_in_circles_is_cut_to_what_was_good_with_a_word_why(
    build: Build, surplus: int
) -> None:
    finish = Finish(FinishReason.REPEATED, 9, 20, surplus=surplus)
    house = await build(ScriptedGenerator(lambda _: ["Tie it. ", "Tie it. ", "Tie it.", finish]))
    house.conversations.attach(house.board)
    await house.say("how?")
    await house.quiet(1)
    good = "Tie it. Tie it. Tie it."[: 23 - surplus].strip()
    assert house.board.texts == [f"{good}\n\n*({say('conversation.repeated')})*"]
    turns = [turn.text for turn in await house.turns() if turn.role is Role.ASSISTANT]
    assert turns == [good]  # the word is no part of the conversation


async def test_an_answer_that_shows_nothing_is_told_so(build: Build) -> None:
    finish = Finish(FinishReason.REPEATED, 9, 20, surplus=3)
    house = await build(ScriptedGenerator(lambda _: ["\u200b\n\n", finish]))
    house.conversations.attach(house.board)
    await house.say("hi")
    await house.quiet(1)
    assert house.board.texts == [f"*({say('conversation.nothing')})*"]


async def test_without_anybody_to_start_it_again_people_are_told_of_a_lost_model(
    build: Build,
) -> None:
    lost = GeneratorLost("the device has failed")
    house = await build(ScriptedGenerator(lambda _: ["So far ", lost]))
    house.conversations.attach(house.board)
    await house.say("hi")
    await house.quiet(1)
    assert house.board.texts == [f"So far\n\n*({told(lost, 'en')})*"]
    assert await states(house) == []


async def test_a_lost_model_leaves_its_replies_to_the_next_start(build: Build) -> None:
    lost = GeneratorLost("the device has failed")
    house = await build(ScriptedGenerator(lambda _: ["So far ", lost]))
    house.conversations.attach(house.board)
    told_of: asyncio.Queue[GeneratorLost] = asyncio.Queue()
    house.engines.on_lost = told_of.put_nowait
    await house.say("hi")
    assert await asyncio.wait_for(told_of.get(), 10) is lost
    await house.conversations.drain(0.0)
    assert await states(house) == ["generating"]
    again = await build(ScriptedGenerator(lambda _: ["All of it."]))
    assert await again.conversations.recover(again.board) == 1
    await again.quiet(1)
    assert again.board.texts == ["All of it."]
