"""What goes wrong while missed messages are looked for, and what could not be dealt with at all."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from adapters.slack import missed as slack_missed
from bot.control.words import say
from bot.conversation import catching_up
from tests.faults.trouble import Scene
from tests.loopback.faults import Fault

DECLINED = say("conversation.failure.OutOfOrder")
ANSWER = "You said: Ann: hello"


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catching_up, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(catching_up, "LONGEST_PAUSE", 0.1)
    monkeypatch.setattr(slack_missed, "SENT_AGAIN", 0.0)


async def met(fault: Fault, times: int) -> None:
    """Wait until so many requests have met a fault."""
    async with asyncio.timeout(30):
        while fault.seen < times:  # noqa: ASYNC110 - nobody is told
            await asyncio.sleep(0.01)


async def test_a_history_that_cannot_be_had_for_long_is_asked_for_until_it_can(
    scene: Scene,
) -> None:
    _, where = await scene.stage.in_a_thread("ann", "hello")
    await scene.shows(where, ANSWER)
    await scene.stage.leaves()
    await scene.stage.goes_on("bob", where, "anybody?")
    fault = scene.trouble.faults.fail(*scene.trouble.history, status=503, times=1_000)
    await scene.stage.returns()
    await met(fault, 8)
    fault.times = 0
    await scene.shows(where, ANSWER, "You said: Bob: anybody?")
    await scene.stage.quiet()
    assert scene.states() == ["delivered", "delivered"]


async def test_a_search_that_the_database_ended_goes_on_when_that_works_again(
    scene: Scene,
) -> None:
    _, where = await scene.stage.in_a_thread("ann", "hello")
    await scene.shows(where, ANSWER)
    await scene.stage.leaves()
    await scene.stage.goes_on("bob", where, "anybody?")
    held = scene.trouble.faults.hold(*scene.trouble.history)
    with capture_logs() as lines:
        await scene.stage.returns()
        await held.reached(30)
        async with scene.stage.broken("read-only"), asyncio.timeout(30):
            held.release()
            while all("wait for the database" not in line["event"] for line in lines):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        await scene.shows(where, ANSWER, "You said: Bob: anybody?")
    await scene.stage.quiet()
    assert scene.states() == ["delivered", "delivered"]


async def test_who_could_be_neither_answered_nor_declined_is_answered_afterwards(
    scene: Scene,
) -> None:
    _, where = await scene.stage.in_a_thread("ann", "hello")
    await scene.shows(where, ANSWER)
    async with scene.stage.broken("read-only"):
        fault = scene.trouble.faults.fail(*scene.trouble.moments["begin"], status=503, times=1_000)
        await scene.stage.goes_on("bob", where, "anybody?")
        await met(fault, 1)
    fault.times = 0
    told = ([DECLINED], ["You said: Bob: anybody?"])  # Slack may have sent it again before
    await scene.stage.shown(where, lambda shown: shown[1:] in told)


async def test_a_first_private_message_that_could_not_be_declined_is_answered_afterwards(
    scene: Scene,
) -> None:
    async with scene.stage.broken("read-only"):
        fault = scene.trouble.faults.fail(*scene.trouble.moments["begin"], status=503, times=1_000)
        _, where = await scene.stage.writes("bob", "anybody?")
        await met(fault, 1)
    fault.times = 0
    await scene.stage.shown(where, lambda shown: shown in ([DECLINED], ["You said: anybody?"]))


STUMBLE = """
    CREATE TRIGGER stumble BEFORE INSERT ON turns WHEN NEW.text LIKE '%stumble%'
    BEGIN SELECT RAISE(ABORT, 'who knows'); END
"""


@pytest.mark.parametrize("stumbles", ["private", "thread"])
async def test_a_channel_that_stumbles_every_time_keeps_no_other_waiting(
    scene: Scene, stumbles: str
) -> None:
    _, private = await scene.stage.writes("bob", "hello")
    await scene.shows(private, "You said: hello")
    _, thread = await scene.stage.in_a_thread("ann", "hello")
    await scene.shows(thread, ANSWER)
    await scene.stage.leaves()
    words = {"private": "anybody?", "thread": "anybody?"} | {stumbles: "stumble"}
    await scene.stage.goes_on("bob", private, words["private"])
    await scene.stage.goes_on("bob", thread, words["thread"])
    scene.stage.rows(STUMBLE)
    with capture_logs() as lines:
        await scene.stage.returns()
        if stumbles == "private":
            await scene.shows(thread, ANSWER, "You said: Bob: anybody?")
        else:
            await scene.shows(private, "You said: hello", "You said: anybody?")
        async with asyncio.timeout(30):
            while all(line["event"] != "caught up" for line in lines):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert [line["event"] for line in lines].count("channel given up") == 1
    await scene.stage.quiet()
