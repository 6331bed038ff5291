"""The database fails in the middle of an answer: nothing accepted is lost, on every platform."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from bot.control.words import say
from tests.contract.stage import Stage
from tests.storage.breaking import FAULTS

DECLINED = say("conversation.failure.OutOfOrder")
STORY = " ".join(f"word{number}" for number in range(900))
"""Longer than what a full file has room for: it needs pages of its own."""


def joined(texts: list[str]) -> str:
    """A text whichever messages it is split into."""
    return "".join("".join(texts).split())


@pytest.mark.parametrize("fault", [*FAULTS, "unreadable"])
async def test_an_answer_goes_on_and_is_finished_when_the_database_works_again(
    stage: Stage, fault: str
) -> None:
    go = asyncio.Event()
    stage.generator.script = lambda prompt: (
        ["Once ", go, STORY] if "a story" in prompt.text else ["Here I am."]
    )
    with capture_logs() as lines:
        _, where = await stage.in_a_thread("ann", "a story please")
        await stage.shown(where, lambda said: "Once" in joined(said))
        async with stage.broken(fault):
            go.set()
            await stage.shown(where, lambda said: "word800" in joined(said))
            _, elsewhere = await stage.mentions("bob", "are you there?")
            await stage.shown(elsewhere, lambda said: said[-1:] == [DECLINED])
        shown = await stage.shown(where, lambda said: joined(said) == joined(["Once", STORY]))
        _, elsewhere = await stage.mentions("bob", "and now?")
        await stage.shown(elsewhere, lambda said: said[-1:] == ["Here I am."])
        await stage.settled()
    loud = [line["event"] for line in lines if line["log_level"] not in ("debug", "info")]
    assert loud == ["the database is out of order", "the database works again"]
    answers = stage.rows("SELECT text FROM turns WHERE role = 'assistant' ORDER BY reply_id")
    assert answers == [(f"Once {STORY}",), ("Here I am.",)]
    assert stage.rows("SELECT DISTINCT state FROM replies") == [("delivered",)]
    assert len(stage.rows("SELECT 1 FROM reply_parts WHERE reply_id = 1")) == len(shown)


async def test_a_command_meanwhile_is_declined_and_works_afterwards(stage: Stage) -> None:
    async with stage.broken("read-only"):
        assert await stage.uses("chief", "persona set", text="Be brief.") == DECLINED
    assert await stage.uses("chief", "persona set", text="Be brief.") != DECLINED
    assert stage.rows("SELECT text FROM personas") == [("Be brief.",)]
