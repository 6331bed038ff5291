"""What is offered beside a reply, while it is being written and after."""

from __future__ import annotations

import asyncio

from bot.control.response import Button
from bot.errors import GenerationError
from bot.values import FinishReason
from tests.conversation.conftest import Build
from tests.conversation.test_again import answers, asked


def labels(buttons: tuple[Button, ...]) -> list[str]:
    return [button.label for button in buttons]


async def test_buttons_while_writing_and_after(build: Build) -> None:
    go = asyncio.Event()
    house = await build(answers(["Once", go, FinishReason.LENGTH], ["Other."]))
    house.conversations.attach(house.board)
    await house.say("a story")
    await house.board.until(lambda: bool(house.board.posted))
    assert labels(house.board.posted[0].buttons) == ["Stop"]
    go.set()
    await house.idle()
    expected = ["Regenerate", "Continue", "Good", "Bad", "Why?"]
    assert labels(house.board.posted[0].buttons) == expected
    await house.use("regenerate")
    await house.idle()
    assert labels(house.board.posted[0].buttons) == [
        *("Regenerate", "Good", "Bad", "Why?", "Earlier (2/2)", "1 is better", "2 is better"),
    ]


async def test_a_failed_answer_can_be_given_again(build: Build) -> None:
    house = await asked(build, [GenerationError("out of memory")], ["Here."])
    assert labels(house.board.posted[0].buttons) == ["Regenerate"]
    await house.use("regenerate")
    await house.idle()
    assert house.board.texts == ["Here."]


async def test_only_the_last_message_of_a_long_answer_has_buttons(build: Build) -> None:
    house = await build(answers(["Many words. " * 60]))
    house.board.limit = 200
    house.conversations.attach(house.board)
    await house.say("a story")
    await house.board.until(lambda: len(house.board.posted) > 2)
    await house.idle()
    assert [bool(message.buttons) for message in house.board.posted] == [
        *([False] * (len(house.board.posted) - 1)),
        True,
    ]


async def test_an_answer_that_was_continued_is_not_compared_with_its_beginning(
    build: Build,
) -> None:
    house = await asked(build, ["Once", FinishReason.LENGTH], [" upon a time."])
    await house.use("continue")
    await house.idle()
    assert labels(house.board.posted[0].buttons)[-1] == "Earlier (2/2)"
    await house.use("earlier")
    await house.idle()
    assert house.board.texts == ["Once"]
    assert "Continue" in labels(house.board.posted[0].buttons)
