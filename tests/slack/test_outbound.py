"""How a reply comes to be shown: posted, edited, found again; never with a ping."""

from __future__ import annotations

import asyncio
import math

import pytest

from adapters.slack.outbound import LIMIT
from bot.control.response import Button
from bot.errors import PlatformError, Throttled, Undeliverable
from bot.values import Place, Waiting
from tests.loopback.slack import Message, SlackServer
from tests.slack.stage import Stage, connected, signed_in

STOP = Button(("stop",), "Stop", "⏹️", reply_id=7)
WHY = Button(("why",), "Why?", reply_id=7)


def shown_below(message: Message) -> list[str]:
    rows = [block for block in message.blocks if block["type"] == "actions"]
    return [element["text"]["text"] for row in rows for element in row["elements"]]


async def test_edits_replace_the_text_in_the_thread(plain: Stage) -> None:
    outlet = await plain.asked()
    async with outlet.open():
        assert (outlet.appends, outlet.marker) == (False, " ▌")
        ts = await outlet.create("Hel ▌", nonce="n1", final=False)
        await outlet.edit(ts, "Hello **you**", final=True)
    message = plain.channel.from_bot[0]
    assert message.content == "Hello **you**"
    assert message.thread_ts == plain.inbox.accepted[0].place.thread
    shown = plain.called("chat.update")[0]["blocks"]
    assert shown == [{"type": "markdown", "text": "Hello **you**"}]


async def test_an_answer_in_a_channel_of_one_conversation_stands_in_the_channel(
    slack_server: SlackServer,
) -> None:
    async with connected(slack_server, reply_in="channel") as stage:
        outlet = await stage.asked()
        async with outlet.open():
            assert not outlet.appends
            await outlet.create("hi", nonce="n1")
        assert stage.channel.from_bot[0].root is None


async def test_an_answer_in_private_goes_to_the_thread_it_was_asked_in(plain: Stage) -> None:
    first = await plain.ann.dm("hello")
    outlet = plain.outlet((await plain.heard())[0])
    await outlet.create("hi", nonce="n1")
    await plain.ann.dm("and more", thread=first)
    outlet = plain.outlet((await plain.heard(2))[1])
    await outlet.create("more", nonce="n2")
    assert [message.thread_ts for message in plain.ann.dms.from_bot] == [first.ts, first.ts]


async def test_the_models_words_ping_nobody(live: Stage) -> None:
    text = f"<!channel> <!here|x> <!subteam^S1> <@{live.mia.user.id}> and `<@{live.ann.user.id}>`"
    outlet = await live.asked()
    async with outlet.open():
        ts = await outlet.create("so <", nonce="n1", final=False)
        await outlet.edit(ts, f"so {text[:3]}", final=False)
        await outlet.edit(ts, f"so {text}", final=True)
    await outlet.create(text, nonce="n2")
    await outlet.edit(live.channel.from_bot[1].ts, f"{text}!")
    assert len(live.channel.from_bot) == 2
    assert all(not message.pings for message in live.channel.from_bot)


async def test_text_up_to_the_limit_is_taken_whole(plain: Stage) -> None:
    text = "<@U1>" * (LIMIT // 5)
    outlet = await plain.asked()
    ts = await outlet.create(text, nonce="n1")
    await outlet.edit(ts, text[:-1] + "!")
    assert len(plain.channel.from_bot[0].content) == len(text)


async def test_a_message_whose_answer_was_lost_is_found_by_its_nonce(plain: Stage) -> None:
    plain.server.faults.drop("POST", "chat.postMessage", after=True)
    outlet = await plain.asked()
    with pytest.raises(PlatformError):
        await outlet.create("hello", nonce="n1")
    ts = await outlet.create("hello again", nonce="n1", again=True)
    assert [message.ts for message in plain.channel.from_bot] == [ts]


async def test_a_message_that_never_arrived_is_posted(plain: Stage) -> None:
    outlet = await plain.asked()
    await outlet.create("another answer", nonce="other")
    await outlet.create("hello", nonce="n1", again=True)
    assert len(plain.channel.from_bot) == 2


async def test_in_a_channel_of_one_conversation_the_nonce_is_found_as_well(
    slack_server: SlackServer,
) -> None:
    async with connected(slack_server, reply_in="channel") as stage:
        outlet = await stage.asked()
        ts = await outlet.create("hello", nonce="n1")
        assert await outlet.create("hello", nonce="n1", again=True) == ts


async def test_a_deleted_message_is_gone_and_deleting_it_twice_is_no_error(plain: Stage) -> None:
    outlet = await plain.asked()
    ts = await outlet.create("hello", nonce="n1")
    await outlet.delete(ts)
    await outlet.delete(ts)
    assert plain.channel.from_bot == []
    with pytest.raises(Undeliverable):
        await outlet.edit(ts, "hello?")


@pytest.mark.parametrize(
    "error", ["channel_not_found", "not_in_channel", "is_archived", "token_revoked"]
)
async def test_what_slack_refuses_for_good_is_undeliverable(plain: Stage, error: str) -> None:
    outlet = await plain.asked()
    plain.server.faults.fail("POST", "chat.postMessage", error=error)
    with pytest.raises(Undeliverable, match=error):
        await outlet.create("hello", nonce="n1")


async def test_a_429_asks_for_patience_and_holds_back_what_follows(plain: Stage) -> None:
    outlet = await plain.asked()
    async with outlet.open():
        ts = await outlet.create("he", nonce="n1", final=False)
        plain.server.faults.fail("POST", "chat.update", status=429)
        with pytest.raises(Throttled) as caught:
            await outlet.edit(ts, "hello", final=True)
        assert caught.value.retry_after == 1.0
        assert outlet.pause() > 0.5


@pytest.mark.parametrize("status", [500, 503])
async def test_a_broken_slack_may_be_tried_again(plain: Stage, status: int) -> None:
    outlet = await plain.asked()
    plain.server.faults.fail("POST", "chat.postMessage", status=status)
    with pytest.raises(PlatformError) as caught:
        await outlet.create("hello", nonce="n1")
    assert not isinstance(caught.value, Undeliverable)


async def test_the_status_tells_of_the_queue_and_is_cleared(live: Stage) -> None:
    outlet = await live.asked()
    root = live.channel.messages[0]
    waiting = Waiting(3, 20.4)
    async with outlet.working(lambda: waiting):
        await live.channel.wait_for_status("number 3 in the queue, about 20 s")
        waiting = Waiting()
        await live.channel.wait_for_status("is thinking")
    assert live.channel.status(root) == ""


async def test_a_status_that_cannot_be_set_holds_nobody_up(live: Stage) -> None:
    live.server.faults.fail("POST", "setStatus", error="channel_not_found", times=9)
    outlet = await live.asked()
    async with asyncio.timeout(5), outlet.working(Waiting):
        await live.server.world.changes.until(
            lambda: live.called("assistant.threads.setStatus"), 5, lambda: "nothing called"
        )
        await outlet.create("hello", nonce="n1")
    assert live.channel.from_bot[0].content == "hello"


async def test_a_new_thread_of_the_messages_tab_gets_a_title(live: Stage) -> None:
    message = await live.ann.dm("How do I tie\na knot?")
    outlet = live.outlet((await live.heard())[0])
    async with outlet.working(Waiting):
        await live.ann.dms.wait_for_status("is thinking")
    assert live.ann.dms.titles == {message.ts: "How do I tie a knot?"}


async def test_where_no_budget_is_left_the_answer_comes_in_one_piece(plain: Stage) -> None:
    outlets = [await plain.asked() for _ in range(3)]
    workspace = plain.inbox.accepted[0].place.workspace
    for _ in range(46):
        plain.messenger.budget.departed(workspace, "chat.update")
    async with outlets[0].open(), outlets[1].open():
        assert outlets[0].pause() == 0.0
        assert outlets[1].pause() == math.inf


async def test_after_a_restart_an_unfinished_message_is_written_over(
    slack_server: SlackServer,
) -> None:
    async with signed_in(slack_server) as stage:
        root = await stage.ann.mentions(stage.channel, "hi")
        place = Place("slack", stage.workspace.id, stage.channel.id, root.ts)
        outlet = stage.messenger.outlet(place, f"{stage.channel.id}:{root.ts}")
        ts = await outlet.create("half an ans ▌", nonce="n1")
        later = stage.messenger.outlet(place, f"{stage.channel.id}:{root.ts}")
        async with later.open():
            await later.edit(ts, "a whole answer", final=True)
        assert [message.content for message in stage.channel.from_bot] == ["a whole answer"]


async def test_buttons_stand_below_a_final_text_and_go_with_the_next(plain: Stage) -> None:
    outlet = await plain.asked()
    async with outlet.open():
        ts = await outlet.create("Hel ▌", nonce="n1", final=False, buttons=(STOP,))
        message = plain.channel.from_bot[0]
        assert shown_below(message) == ["⏹️ Stop"]
        await outlet.edit(ts, "Hello", final=True, buttons=(WHY, STOP))
        assert (message.content, shown_below(message)) == ("Hello", ["Why?", "⏹️ Stop"])
        await outlet.edit(ts, "Hello again", final=False)
    assert (message.content, shown_below(message)) == ("Hello again", [])
    assert len(plain.called("chat.update")) == 2


async def test_a_text_up_to_the_limit_has_room_for_buttons(plain: Stage) -> None:
    outlet = await plain.asked()
    ts = await outlet.create("x" * LIMIT, nonce="n1", buttons=(WHY,))
    await outlet.edit(ts, "y" * LIMIT, buttons=(WHY, STOP))
    assert plain.channel.from_bot[0].content == "y" * LIMIT


async def test_a_text_whose_buttons_slack_does_not_take_is_shown_without(plain: Stage) -> None:
    plain.server.faults.fail("POST", "chat.postMessage", error="invalid_blocks")
    outlet = await plain.asked()
    ts = await outlet.create("hello", nonce="n1", buttons=(WHY,))
    plain.server.faults.fail("POST", "chat.update", error="msg_blocks_too_long")
    await outlet.edit(ts, "hello you", buttons=(WHY,))
    [message] = plain.channel.from_bot
    assert message.content == "hello you"
