"""The last exchange is taken out of the conversation, and its messages away."""

from __future__ import annotations

import asyncio

import pytest

from bot.control import conversation
from bot.errors import PlatformError, Refused
from bot.values import ReplyState
from tests.board import PATIENCE
from tests.conversation.conftest import Build
from tests.conversation.test_again import answers, asked
from tests.conversation.test_conversations import states


async def test_undo_takes_the_exchange_and_the_message_away(build: Build) -> None:
    house = await asked(build, ["First."], ["Next."])
    assert "out of the conversation" in (await house.use("undo")).text
    assert house.board.texts == []
    assert await house.turns() == []
    await house.say("something else")
    await house.board.until(lambda: house.board.texts == ["Next."])
    assert "a story" not in house.generator.prompts[1].text


async def test_undo_says_so_if_the_message_stays(build: Build) -> None:
    house = await asked(build, ["First."])
    house.board.stubborn.append(PlatformError("away"))
    assert "could not remove" in (await house.use("undo")).text
    with pytest.raises(Refused, match="nothing_to_undo"):
        await house.use("undo")


async def test_undo_waits_for_an_answer_of_which_only_the_end_is_to_be_shown(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "MOMENT", PATIENCE)
    house = await build(answers(["First."]))
    house.conversations.attach(house.board)
    house.board.gate.clear()
    await house.say("a story")
    async with asyncio.timeout(PATIENCE):
        while await states(house) != [ReplyState.DELIVERING]:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0)
    undoing = asyncio.create_task(house.use("undo"))
    await asyncio.wait([undoing], timeout=0.05)
    house.board.gate.set()
    assert "out of the conversation" in (await undoing).text
    assert house.board.texts == []
    assert await house.turns() == []


async def test_the_menu_of_an_older_answer_undoes_nothing(build: Build) -> None:
    house = await asked(build, ["First."], ["Next."])
    await house.say("something else")
    await house.board.until(lambda: house.board.texts == ["First.", "Next."])
    await house.idle()
    with pytest.raises(Refused, match="moved_on"):
        await house.use("undo", message_id=house.board.posted[0].id)
    for command in ("undo", "reset"):
        with pytest.raises(Refused, match="no_reply"):
            await house.use(command, message_id="unknown")
    assert len(await house.turns()) == 4
