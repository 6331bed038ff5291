"""Which message an earlier try, or an earlier run of the program, has left for a reply."""

from __future__ import annotations

import pytest

from bot.errors import PlatformError
from tests.loopback.slack import Message
from tests.loopback.slack.streams import OPEN
from tests.slack.stage import Stage


def shown(stage: Stage) -> list[str]:
    return [message.content for message in stage.channel.from_bot]


def streaming(message: Message) -> bool:
    return message.stream is not None and message.stream.state == OPEN


async def test_a_stream_whose_start_had_no_answer_is_taken_over_whatever_it_says(
    live: Stage,
) -> None:
    live.server.faults.drop("POST", "chat.startStream", after=True)
    outlet = await live.asked()
    async with outlet.open():
        with pytest.raises(PlatformError):
            await outlet.create("The answer", nonce="n1", final=False)
    again = live.outlet(live.inbox.accepted[0])
    async with again.open():
        ts = await again.create("Something else", nonce="n1", final=False, again=True)
        await again.edit(ts, "Something else, whole.", final=True)
    assert shown(live) == ["Something else, whole."]
    assert not any(map(streaming, live.channel.from_bot))


async def test_a_stream_that_is_noted_as_another_replys_is_left_to_it(live: Stage) -> None:
    outlet = await live.asked()
    async with outlet.open():
        theirs = await outlet.create("theirs", nonce="n1", final=False)
    inbound = live.inbox.accepted[0]
    mine = live.messenger.outlet(inbound.place, inbound.message_id, {theirs})
    async with mine.open():
        ts = await mine.create("mine", nonce="n2", final=False, again=True)
        await mine.edit(ts, "mine", final=True)
    assert ts != theirs
    assert shown(live) == ["theirs", "mine"]


async def test_another_part_of_the_same_reply_is_not_taken_for_one_left_behind(
    live: Stage,
) -> None:
    outlet = await live.asked()
    async with outlet.open():
        first = await outlet.create("first", nonce="n1", final=False)
    again = live.outlet(live.inbox.accepted[0])
    async with again.open():
        await again.edit(first, "first", final=True)
        second = await again.create("second", nonce="n2", final=True, again=True)
    assert second != first
    assert shown(live) == ["first", "second"]


async def test_what_was_begun_as_a_stream_is_never_taken_for_another_replys(live: Stage) -> None:
    outlet = await live.asked()
    async with outlet.open():
        first = await outlet.create("one", nonce="n1", final=False)
    root = live.channel.messages[0]
    await live.ann.mentions(live.channel, "and then?", thread=root)
    asked = (await live.heard(2))[-1]
    after_restart = live.outlet(live.inbox.accepted[0])
    async with after_restart.open():
        await after_restart.edit(first, "one, whole", final=True)
    second = live.outlet(asked)
    async with second.open():
        ts = await second.create("two", nonce="n2", final=True, again=True)
    assert ts != first
    assert shown(live) == ["one, whole", "two"]


async def test_a_shared_file_is_not_taken_for_an_answer(live: Stage) -> None:
    outlet = await live.asked()
    file = live.ann.uploads("a.txt", "text")
    bot = live.server.world.person(live.workspace.bot)
    await bot.shares(live.channel, "", file, thread=live.channel.messages[0])
    async with outlet.open():
        ts = await outlet.create("hello", nonce="n1", final=True, again=True)
    assert [m.ts for m in live.channel.from_bot if not m.files] == [ts]
