"""Many replies in one workspace at once, brought by the core's Delivery."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from bot.reply.delivery import Delivery
from bot.values import Inbound, Part, Reply, ReplyState
from tests.loopback.changes import PATIENCE
from tests.loopback.slack import Channel, SlackServer
from tests.slack.stage import Stage, connected


async def forget(part: Part) -> None:
    assert part.message_id


def reply_to(number: int, inbound: Inbound) -> Reply:
    now = datetime.now(UTC)
    state = ReplyState.CLAIMED
    return Reply(number, inbound.place, inbound.author, inbound.message_id, state, now)


def bot_said(channel: Channel) -> str:
    return channel.from_bot[0].content if channel.from_bot else ""


async def ask(stage: Stage, count: int) -> list[Channel]:
    people = [stage.workspace.member(f"P{number}") for number in range(count)]
    for number, person in enumerate(people):
        await person.dm(f"question {number}")
    await stage.heard(count)
    return [stage.workspace.channels[i.place.channel] for i in stage.inbox.accepted]


@pytest.mark.parametrize(("count", "native"), [(20, True), (20, False), (60, True)])
async def test_a_crowd_is_answered_without_a_429_and_without_delay(
    slack_server: SlackServer, count: int, native: bool
) -> None:
    async with connected(slack_server, native_streams=native) as stage:
        channels = await ask(stage, count)
        deliveries = [
            Delivery(stage.outlet(inbound), reply_to(number, inbound), forget)
            for number, inbound in enumerate(stage.inbox.accepted)
        ]
        for delivery in deliveries:
            await delivery.__aenter__()
            delivery.show("An answer")
        promised = min(count, 19 + 47 if native else 47)
        await stage.server.world.changes.until(
            lambda: sum(bool(bot_said(c)) for c in channels) >= promised, 10, lambda: ""
        )
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(d.finish("An answer, whole.") for d in deliveries))
        for delivery in deliveries:
            await delivery.__aexit__(None, None, None)
        assert [bot_said(channel) for channel in channels] == ["An answer, whole."] * count
        assert slack_server.limits.total_refused == 0
