"""Native streams: grown, rolled over, ended by others, left in doubt."""

from __future__ import annotations

import pytest

from adapters.slack.outbound import LIMIT
from adapters.slack.stream import LIFE
from bot.control.response import Button
from bot.errors import PlatformError, Throttled, Undeliverable
from bot.values import Author, Standing
from tests.loopback.slack import Message, Person
from tests.slack.stage import Stage


def shown(stage: Stage) -> str:
    messages = stage.channel.from_bot
    assert len(messages) == 1
    return messages[0].content


def state(message: Message) -> str:
    assert message.stream is not None
    return message.stream.state


async def test_a_stream_is_appended_what_is_new_and_stopped(live: Stage) -> None:
    outlet = await live.asked()
    async with outlet.open():
        assert (outlet.appends, outlet.marker, outlet.pause()) == (True, "", 0.0)
        ts = await outlet.create("Hel", nonce="n1", final=False)
        assert outlet.pause() > 0
        await outlet.edit(ts, "Hello", final=False)
        await outlet.edit(ts, "Hello, you", final=False)
        await outlet.edit(ts, "Hello, you.", final=True)
    assert shown(live) == "Hello, you."
    assert state(live.channel.from_bot[0]) == "done"
    appended = [call["markdown_text"] for call in live.called("chat.appendStream")]
    assert appended == ["lo", ", you"]
    assert live.called("chat.update") == []
    assert live.called("chat.startStream")[0]["recipient_user_id"] == live.ann.user.id


async def test_an_answer_that_is_whole_at_once_needs_no_stream(live: Stage) -> None:
    outlet = await live.asked()
    async with outlet.open():
        await outlet.create("42", nonce="n1")
    assert shown(live) == "42"
    assert live.called("chat.startStream") == []


async def test_a_final_text_that_says_otherwise_is_updated(live: Stage) -> None:
    outlet = await live.asked()
    async with outlet.open():
        ts = await outlet.create("Perhaps it is", nonce="n1", final=False)
        await outlet.edit(ts, "No.", final=True)
    assert shown(live) == "No."


async def test_before_slack_ends_a_stream_it_goes_on_by_edits(live: Stage) -> None:
    outlet = await live.asked()
    async with outlet.open():
        ts = await outlet.create("one", nonce="n1", final=False)
        live.server.clock.advance(LIFE + 1)
        await outlet.edit(ts, "one two", final=False)
        assert state(live.channel.from_bot[0]) == "done"
        assert not outlet.appends
        await outlet.edit(ts, "one two three ▌", final=False)
        await outlet.edit(ts, "one two three four", final=True)
    assert shown(live) == "one two three four"


async def test_a_stream_that_slack_has_ended_goes_on_by_edits(live: Stage) -> None:
    live.server.world.stream_lifetime = 10.0
    outlet = await live.asked()
    async with outlet.open():
        ts = await outlet.create("one", nonce="n1", final=False)
        live.server.clock.advance(11)
        await outlet.edit(ts, "one two", final=False)
        await outlet.edit(ts, "one two three", final=True)
    assert shown(live) == "one two three"


async def test_a_stream_that_ended_before_its_final_text_is_updated(live: Stage) -> None:
    live.server.world.stream_lifetime = 10.0
    outlet = await live.asked()
    async with outlet.open():
        ts = await outlet.create("one", nonce="n1", final=False)
        live.server.clock.advance(11)
        await outlet.edit(ts, "one two three", final=True)
    assert shown(live) == "one two three"


async def test_the_stop_button_stops_the_answer_and_its_text_stays(live: Stage) -> None:
    outlet = await live.asked()
    async with outlet.open():
        ts = await outlet.create("one two", nonce="n1", final=False)
        await live.ann.stops(live.channel.from_bot[0])
        await live.inbox.until(lambda inbox: bool(inbox.stopped))
        await outlet.edit(ts, "one two three", final=False)
        await outlet.edit(ts, "one two three", final=True)
    [(place_id, author)] = live.inbox.stopped
    assert (place_id, author.id) == (live.inbox.accepted[0].place.id, live.ann.user.id)
    assert shown(live) == "one two three"


async def stopped_by(live: Stage, person: Person) -> Author:
    """As whom somebody stops an answer that is being written."""
    outlet = live.outlet(live.inbox.accepted[0])
    async with outlet.open():
        await outlet.create("one two", nonce="n1", final=False)
        await person.stops(live.channel.from_bot[0])
        await live.inbox.until(lambda inbox: bool(inbox.stopped))
    [(_, author)] = live.inbox.stopped
    return author


async def test_who_presses_stop_has_the_standing_of_that_moment(live: Stage) -> None:
    await live.mia.mentions(live.channel, "hello")
    [asked] = await live.heard()
    assert asked.author.standing is Standing.OWNER
    live.mia.user.admin = False
    assert (await stopped_by(live, live.mia)).standing is Standing.MEMBER


async def test_who_presses_stop_has_no_standing_if_slack_does_not_tell_of_them(
    live: Stage,
) -> None:
    await live.mia.mentions(live.channel, "hello")
    await live.heard()
    live.server.faults.fail("POST", "users.info", times=1_000)
    assert (await stopped_by(live, live.mia)).standing is Standing.MEMBER


async def test_an_append_without_an_answer_is_not_appended_again(live: Stage) -> None:
    outlet = await live.asked()
    async with outlet.open():
        ts = await outlet.create("one", nonce="n1", final=False)
        live.server.faults.drop("POST", "chat.appendStream", after=True)
        with pytest.raises(PlatformError):
            await outlet.edit(ts, "one two", final=False)
        await outlet.edit(ts, "one two three ▌", final=False)
        await outlet.edit(ts, "one two three", final=True)
    assert shown(live) == "one two three"
    assert len(live.called("chat.appendStream")) == 1


async def test_a_stop_without_an_answer_leaves_the_text_whole(live: Stage) -> None:
    outlet = await live.asked()
    async with outlet.open():
        ts = await outlet.create("one", nonce="n1", final=False)
        live.server.faults.drop("POST", "chat.stopStream", after=True)
        with pytest.raises(PlatformError):
            await outlet.edit(ts, "one two", final=True)
        await outlet.edit(ts, "one two", final=True)
    assert shown(live) == "one two"


async def test_a_stop_that_never_arrived_is_made_up_for(live: Stage) -> None:
    outlet = await live.asked()
    async with outlet.open():
        ts = await outlet.create("one", nonce="n1", final=False)
        live.server.faults.drop("POST", "chat.stopStream")
        with pytest.raises(PlatformError):
            await outlet.edit(ts, "one two", final=True)
        await outlet.edit(ts, "one two", final=True)
    assert shown(live) == "one two"
    assert state(live.channel.from_bot[0]) == "done"


async def test_a_throttled_append_is_made_later(live: Stage) -> None:
    outlet = await live.asked()
    async with outlet.open():
        ts = await outlet.create("one", nonce="n1", final=False)
        live.server.faults.fail("POST", "chat.appendStream", status=429)
        with pytest.raises(Throttled):
            await outlet.edit(ts, "one two", final=False)
        await outlet.edit(ts, "one two three", final=True)
    assert shown(live) == "one two three"
    assert live.called("chat.update") == []


@pytest.mark.parametrize("method", ["chat.appendStream", "chat.stopStream"])
async def test_a_stream_that_slack_refuses_to_go_on_with_goes_on_by_edits(
    live: Stage, method: str
) -> None:
    outlet = await live.asked()
    async with outlet.open():
        ts = await outlet.create("one", nonce="n1", final=False)
        live.server.faults.fail("POST", method, error="invalid_chunks")
        await outlet.edit(ts, "one two", final=False)
        await outlet.edit(ts, "one two three", final=True)
    assert shown(live) == "one two three"
    assert state(live.channel.from_bot[0]) == "done"


async def test_a_message_deleted_while_it_streams_ends_the_answer(live: Stage) -> None:
    outlet = await live.asked()
    async with outlet.open():
        ts = await outlet.create("one", nonce="n1", final=False)
        await outlet.delete(ts)
        await outlet.edit(ts, "one two", final=False)
        with pytest.raises(Undeliverable):
            await outlet.edit(ts, "one two three", final=True)


async def test_a_slack_without_streams_is_asked_once(live: Stage) -> None:
    live.server.faults.fail("POST", "chat.startStream", error="channel_type_not_supported")
    outlet = await live.asked()
    async with outlet.open():
        ts = await outlet.create("one", nonce="n1", final=False)
        assert not outlet.appends
        await outlet.edit(ts, "one two", final=True)
    assert shown(live) == "one two"
    later = await live.asked("again")
    async with later.open():
        assert not later.appends
    assert len(live.called("chat.startStream")) == 1


async def test_a_stream_left_open_by_an_earlier_run_is_written_over(live: Stage) -> None:
    outlet = await live.asked()
    async with outlet.open():
        ts = await outlet.create("one", nonce="n1", final=False)
    again = live.outlet(live.inbox.accepted[0])
    async with again.open():
        await again.edit(ts, "one two", final=True)
    assert shown(live) == "one two"


async def test_an_ended_stream_carries_its_nonce(live: Stage) -> None:
    outlet = await live.asked()
    async with outlet.open():
        ts = await outlet.create("Sure", nonce="n1", final=False)
        await outlet.edit(ts, "Sure!", final=True)
    metadata = live.called("chat.stopStream")[0]["metadata"]
    assert metadata["event_payload"] == {"nonce": "n1"}


async def test_a_second_part_has_a_stream_of_its_own(live: Stage) -> None:
    outlet = await live.asked()
    full = "x" * (LIMIT - 2)
    async with outlet.open():
        ts = await outlet.create("x", nonce="n1", final=False)
        await outlet.edit(ts, full, final=True)
        assert outlet.appends
        second = await outlet.create("y", nonce="n2", final=False)
        await outlet.edit(second, "yz", final=True)
    assert [message.content for message in live.channel.from_bot] == [full, "yz"]
    assert len(live.called("chat.startStream")) == 2


async def test_a_reply_keeps_no_slots_when_it_has_ended(live: Stage) -> None:
    outlet = await live.asked()
    async with outlet.open():
        ts = await outlet.create("one", nonce="n1", final=False)
        await outlet.edit(ts, "one two", final=True)
    budget, key = live.messenger.budget, live.workspace.id
    methods = ("chat.startStream", "chat.stopStream", "chat.update", "chat.appendStream")
    windows = [budget.window(key, method) for method in methods]
    assert [(window.reserved, window.open) for window in windows] == [(0, 0)] * 4


async def test_the_end_of_a_stream_brings_the_buttons_without_another_call(live: Stage) -> None:
    why = Button(("why",), "Why?", reply_id=7)
    outlet = await live.asked()
    async with outlet.open():
        ts = await outlet.create("one", nonce="n1", final=False, buttons=(why,))
        await outlet.edit(ts, "one two", final=False, buttons=(why,))
        await outlet.edit(ts, "one two three", final=True, buttons=(why,))
    [message] = live.channel.from_bot
    assert message.content == "one two three"
    assert [block["type"] for block in message.blocks] == ["actions"]
    assert [len(live.called(f"chat.{name}")) for name in ("stopStream", "update")] == [1, 0]


async def test_a_stream_whose_buttons_slack_does_not_take_still_ends(live: Stage) -> None:
    why = Button(("why",), "Why?", reply_id=7)
    outlet = await live.asked()
    async with outlet.open():
        ts = await outlet.create("one", nonce="n1", final=False)
        live.server.faults.fail("POST", "chat.stopStream", error="invalid_blocks")
        live.server.faults.fail("POST", "chat.update", error="invalid_blocks")
        await outlet.edit(ts, "one two", final=True, buttons=(why,))
    assert shown(live) == "one two"
    assert state(live.channel.from_bot[0]) == "done"
