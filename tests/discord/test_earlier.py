"""Which message an earlier run has left for a reply, once Discord has forgotten its nonce."""

from __future__ import annotations

import pytest

from bot.errors import PlatformError
from bot.values import Place
from tests.discord.stage import Stage
from tests.discord.test_outbound import MESSAGES


@pytest.fixture
def forgetful(stage: Stage) -> Stage:
    stage.server.world.nonce_memory = 0.0
    return stage


def said(stage: Stage) -> list[str]:
    return [message.content for message in stage.channel.from_bot]


async def test_a_message_that_was_never_noted_is_taken_up_long_after(forgetful: Stage) -> None:
    question = await forgetful.ann.mentions(forgetful.channel, "hello")
    forgetful.server.faults.drop("POST", MESSAGES, after=True)
    with pytest.raises(PlatformError):
        await forgetful.outlet(question).create("begun", nonce="n1")
    again = forgetful.outlet(question)
    message_id = await again.create("anew", nonce="n1", again=True)
    await again.edit(message_id, "anew, whole")
    assert said(forgetful) == ["anew, whole"]


async def test_what_was_never_posted_is_posted(forgetful: Stage) -> None:
    other = await forgetful.ann.mentions(forgetful.channel, "one")
    question = await forgetful.ann.mentions(forgetful.channel, "two")
    await forgetful.outlet(other).create("first", nonce="n1")
    await forgetful.outlet(question).create("second", nonce="n2", again=True)
    assert said(forgetful) == ["first", "second"]


async def test_another_part_of_the_same_reply_is_not_taken_for_the_missing_one(
    forgetful: Stage,
) -> None:
    question = await forgetful.ann.mentions(forgetful.channel, "hello")
    first = await forgetful.outlet(question).create("first", nonce="n1")
    again = forgetful.outlet(question)
    await again.edit(first, "first")
    await again.create("second", nonce="n2", again=True)
    assert said(forgetful) == ["first", "second"]


async def test_a_note_beside_the_answer_is_not_taken_for_it(forgetful: Stage) -> None:
    question = await forgetful.ann.mentions(forgetful.channel, "hello")
    await forgetful.outlet(question).note("That file was not read.", nonce="files")
    await forgetful.outlet(question).create("answer", nonce="n1", again=True)
    assert said(forgetful) == ["That file was not read.", "answer"]


async def test_in_a_thread_that_was_opened_for_it_the_answer_is_found_as_well(
    forgetful: Stage,
) -> None:
    question = await forgetful.ann.mentions(forgetful.channel, "hello")
    place = forgetful.place()
    thread = Place(place.platform, place.workspace, place.channel, str(question.id))
    first = await forgetful.messenger.outlet(thread, str(question.id)).create("begun", nonce="n1")
    again = forgetful.messenger.outlet(thread, str(question.id))
    assert await again.create("anew", nonce="n1", again=True) == first


async def test_where_the_bot_may_not_look_back_it_posts(forgetful: Stage) -> None:
    question = await forgetful.ann.mentions(forgetful.channel, "hello")
    forgetful.channel.deny(forgetful.server.bot, "read_message_history")
    await forgetful.outlet(question).create("answer", nonce="n1", again=True)
    assert said(forgetful) == ["answer"]
