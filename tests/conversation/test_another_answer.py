"""Another answer to the same message: when it differs, and when there is none any more."""

from __future__ import annotations

import pytest

from bot.control import conversation
from bot.conversation.chosen import LIVELIER
from bot.values import Choice, Sampling
from tests.board import PATIENCE
from tests.conversation.conftest import CHANNEL, Build
from tests.conversation.test_again import answers, asked


async def test_another_answer_of_a_greedy_model_is_drawn_unless_somebody_chose_that(
    build: Build,
) -> None:
    house = await build(
        answers(["One."], ["Two."], ["Three."]), sampling=Sampling(temperature=0.0), greedy=True
    )
    house.conversations.attach(house.board)
    await house.say("a story")
    await house.board.until(lambda: bool(house.board.posted))
    await house.idle()
    await house.use("regenerate")
    await house.idle()
    house.choices.by_place[CHANNEL] = Choice(sampling=(("temperature", 0.0),))
    await house.use("regenerate")
    await house.idle()
    temperatures = [sampling.temperature for sampling in house.generator.samplings]
    assert temperatures == [0.0, LIVELIER, 0.0]


async def test_what_answered_a_deleted_message_is_not_given_again_and_says_why(
    build: Build,
) -> None:
    house = await asked(build, ["First."], ["Second."])
    record = await house.newest()
    await house.conversations.withdraw(CHANNEL, record.message_id)
    await house.use("regenerate")
    await house.idle()
    assert house.board.texts[0].startswith("First.")
    assert "no longer there" in house.board.texts[0]
    assert len(house.generator.prompts) == 1


async def test_who_presses_as_soon_as_the_buttons_are_seen_is_not_refused(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "MOMENT", PATIENCE)
    house = await build(answers(["First."], ["Second."]))
    house.conversations.attach(house.board)
    await house.say("a story")
    await house.board.until(lambda: any(len(message.buttons) > 1 for message in house.board.posted))
    await house.use("regenerate")
    await house.idle()
    assert house.board.texts == ["Second."]
