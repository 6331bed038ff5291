"""What is still under way when the connection to Slack is closed."""

from __future__ import annotations

import asyncio

from tests.slack.stage import Stage


async def test_what_waits_for_its_turn_is_given_up_and_left_to_the_next_start(live: Stage) -> None:
    before = asyncio.all_tasks()
    held = live.server.faults.hold("POST", r"^users\.info$")
    await live.ann.mentions(live.channel, "hello")
    await held.reached()
    theirs = [t for t in asyncio.all_tasks() - before if "message_listeners" in repr(t)]
    assert theirs
    await live.messenger.close()
    held.release()
    await asyncio.wait(theirs)
    assert live.inbox.accepted == []
    assert live.channel.from_bot == []
