"""Replies on their way out, against the loopback Discord."""

from __future__ import annotations

import asyncio

import pytest

from adapters.discord.outbound import DiscordOutlet
from bot.errors import PlatformError, Throttled, Undeliverable
from bot.values import Waiting
from tests.discord.stage import Stage

MESSAGES = r"/channels/\d+/messages$"
ONE_MESSAGE = r"/messages/\d+$"


async def test_an_answer_is_a_reply_that_pings_nobody(stage: Stage) -> None:
    question = await stage.ann.mentions(stage.channel, "hello")
    text = f"@everyone {stage.ann.mention} hi"
    message_id = await stage.outlet(question).create(text, nonce="n1")
    [answer] = stage.channel.from_bot
    assert str(answer.id) == message_id
    assert answer.content == text
    assert answer.reference is question
    assert not answer.pings


async def test_the_same_nonce_posts_once(stage: Stage) -> None:
    outlet = await stage.asked()
    first = await outlet.create("once", nonce="reply-7-part-0")
    second = await outlet.create("once", nonce="reply-7-part-0")
    assert first == second
    assert len(stage.channel.from_bot) == 1


async def test_a_long_nonce_still_posts_once(stage: Stage) -> None:
    outlet = await stage.asked()
    for _ in range(2):
        await outlet.create("once", nonce="x" * 80)
    await outlet.create("twice", nonce="x" * 81)
    assert [message.content for message in stage.channel.from_bot] == ["once", "twice"]


async def test_a_post_whose_answer_was_lost_is_not_repeated(stage: Stage) -> None:
    outlet = await stage.asked()
    stage.server.faults.drop("POST", MESSAGES, after=True)
    with pytest.raises(PlatformError):
        await outlet.create("once", nonce="n1")
    await outlet.create("once", nonce="n1")
    assert len(stage.channel.from_bot) == 1


async def test_an_edit_replaces_the_text_and_pings_nobody(stage: Stage) -> None:
    outlet = await stage.asked()
    message_id = await outlet.create("one", nonce="n1")
    await outlet.edit(message_id, f"one two {stage.ann.mention}")
    [answer] = stage.channel.from_bot
    assert answer.content == f"one two {stage.ann.mention}"
    assert not answer.pings


async def test_an_answer_to_a_deleted_message_is_still_posted(stage: Stage) -> None:
    question = await stage.ann.mentions(stage.channel, "hello")
    await stage.ann.deletes(question)
    await stage.outlet(question).create("hi", nonce="n1")
    assert [message.content for message in stage.channel.from_bot] == ["hi"]


async def test_an_answer_without_read_message_history_is_posted_without_reference(
    stage: Stage,
) -> None:
    outlet = await stage.asked()
    stage.channel.deny(stage.server.bot, "read_message_history")
    await outlet.create("hi", nonce="n1")
    [answer] = stage.channel.from_bot
    assert answer.reference is None


async def test_editing_a_deleted_message_is_undeliverable(stage: Stage) -> None:
    outlet = await stage.asked()
    message_id = await outlet.create("one", nonce="n1")
    stage.server.world.remove(*stage.channel.from_bot)
    with pytest.raises(Undeliverable, match="the message is gone"):
        await outlet.edit(message_id, "two")


async def test_a_channel_closed_to_the_bot_says_which_permission_is_missing(stage: Stage) -> None:
    outlet = await stage.asked()
    stage.channel.deny(stage.server.bot, "send_messages")
    with pytest.raises(Undeliverable, match="Send Messages"):
        await outlet.create("hi", nonce="n1")
    stage.channel.deny(stage.server.bot, "view_channel")
    with pytest.raises(Undeliverable, match="View Channel"):
        await outlet.create("hi", nonce="n2")


async def test_a_deleted_channel_is_undeliverable(stage: Stage) -> None:
    outlet = await stage.asked()
    stage.server.forget(stage.channel)
    with pytest.raises(Undeliverable, match="the channel is gone"):
        await outlet.create("hi", nonce="n1")


async def test_a_person_who_takes_no_messages_is_undeliverable(stage: Stage) -> None:
    question = await stage.ann.dm("hello")
    stage.ann.user.takes_dms = False
    with pytest.raises(Undeliverable, match="direct messages"):
        await stage.outlet(question).create("hi", nonce="n1")


async def test_a_server_error_may_be_tried_again(stage: Stage) -> None:
    outlet = await stage.asked()
    stage.server.faults.fail("POST", MESSAGES, status=503)
    with pytest.raises(PlatformError) as caught:
        await outlet.create("hi", nonce="n1")
    assert not isinstance(caught.value, Undeliverable)
    await outlet.create("hi", nonce="n1")
    assert len(stage.channel.from_bot) == 1


async def test_a_lost_connection_may_be_tried_again(stage: Stage) -> None:
    outlet = await stage.asked()
    message_id = await outlet.create("one", nonce="n1")
    stage.server.faults.drop("PATCH", ONE_MESSAGE)
    with pytest.raises(PlatformError) as caught:
        await outlet.edit(message_id, "two")
    assert not isinstance(caught.value, Undeliverable)
    await outlet.edit(message_id, "two")
    assert stage.channel.from_bot[0].content == "two"


async def test_an_edit_returns_when_it_has_landed_not_when_the_window_is_over(
    stage: Stage,
) -> None:
    stage.server.limits.edits(1, 30.0)
    outlet = await stage.asked()
    message_id = await outlet.create("one", nonce="n1")
    async with asyncio.timeout(5):
        await outlet.edit(message_id, "two")
    assert stage.channel.from_bot[0].content == "two"
    assert outlet.pause() > 20


async def test_the_limits_in_the_headers_set_the_pace(stage: Stage) -> None:
    stage.server.limits.edits(3, 30.0)
    outlet = await stage.asked()
    message_id = await outlet.create("one", nonce="n1")
    async with outlet.open():
        assert outlet.pause() == 0
        await outlet.edit(message_id, "two")
        assert 10 < outlet.pause() <= 15
    assert stage.server.limits.total_refused == 0


async def test_a_message_can_be_taken_back_more_than_once(stage: Stage) -> None:
    outlet = await stage.asked()
    message_id = await outlet.create("one", nonce="n1")
    await outlet.delete(message_id)
    await outlet.delete(message_id)
    assert not stage.channel.from_bot


async def test_typing_is_shown_while_an_answer_is_on_its_way(stage: Stage) -> None:
    outlet = await stage.asked()
    async with outlet.working(Waiting):
        await stage.channel.wait_for_typing()
    assert len(stage.channel.typing) == 1


async def test_typing_that_fails_harms_nobody(stage: Stage) -> None:
    outlet = await stage.asked()
    failure = stage.server.faults.fail("POST", r"/typing$", status=503)
    async with outlet.working(Waiting):
        await failure.reached()
        await outlet.create("hi", nonce="n1")
    assert len(stage.channel.from_bot) == 1


async def test_what_is_sent_after_closing_is_a_platform_error(stage: Stage) -> None:
    outlet = await stage.asked()
    await stage.messenger.close()
    with pytest.raises(PlatformError):
        await outlet.create("hi", nonce="n1")


async def test_a_refusal_for_long_is_given_back_with_its_time(stage: Stage) -> None:
    stage.server.limits.edits(1, 90.0)
    outlet = await stage.asked()
    message_id = await outlet.create("one", nonce="n1")
    await outlet.edit(message_id, "two")
    with pytest.raises(Throttled) as caught:
        await outlet.edit(message_id, "three")
    assert 80 < caught.value.retry_after <= 91
    assert outlet.pause() > 80


async def test_replies_stream_side_by_side_without_a_refusal(stage: Stage) -> None:
    stage.server.limits.edits(5, 0.5)
    questions = [
        await stage.ann.mentions(stage.guild.channel(f"room-{number}"), "go") for number in range(6)
    ]
    await asyncio.gather(*[stream(stage.outlet(question), 4) for question in questions])
    for question in questions:
        [answer] = question.channel.from_bot
        assert answer.content == "the end"
        assert answer.edits == 5
    assert stage.server.limits.total_refused == 0


async def stream(outlet: DiscordOutlet, edits: int) -> None:
    """A reply that takes every edit it is given, and then its last."""
    async with outlet.open():
        message_id = await outlet.create("0", nonce="n1")
        for count in range(edits):
            await within_budget(outlet)
            await outlet.edit(message_id, str(count + 1))
        await outlet.edit(message_id, "the end")


async def within_budget(outlet: DiscordOutlet) -> None:
    """Until an intermediate edit may go, as the budget's own clock says."""
    loop = asyncio.get_running_loop()
    while (wait := outlet.pause()) > 0:
        due = loop.create_future()
        loop.call_later(wait, due.set_result, None)
        await due
