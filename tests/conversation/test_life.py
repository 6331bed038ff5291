"""What is told of a reply when it ends: one line, one fact, and nothing of what people said."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import structlog
from structlog.contextvars import get_contextvars, merge_contextvars
from structlog.testing import capture_logs

from bot.errors import GenerationError, Throttled, Undeliverable
from bot.log import TEXTS
from bot.operation.facts import Edits, Fact, MessageRefused, ModelAnswered, ReplyEnded
from bot.values import Author, Prompt, ReplyState, Standing
from tests.board import ScriptedGenerator, Step
from tests.conversation.conftest import ANN, BOB, CHANNEL, OTHER, Build, House

Lines = list[MutableMapping[str, Any]]


@dataclass
class Notes:
    """An observer that keeps what it is told."""

    facts: list[Fact] = field(default_factory=list)

    def note(self, fact: Fact) -> None:
        self.facts.append(fact)

    @property
    def ended(self) -> list[ReplyEnded]:
        return [fact for fact in self.facts if isinstance(fact, ReplyEnded)]


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Every line of the log, with what the context adds."""
    with capture_logs(processors=[merge_contextvars]) as found:
        yield found


def endings(lines: Lines) -> Lines:
    return [line for line in lines if line["event"] == "reply ended"]


async def open_house(build: Build, notes: Notes, generator: ScriptedGenerator) -> House:
    house = await build(generator, observer=notes)
    house.conversations.attach(house.board)
    return house


async def test_a_reply_is_told_in_one_line_with_its_times_and_counts(
    build: Build, lines: Lines
) -> None:
    notes = Notes()
    house = await open_house(build, notes, ScriptedGenerator(lambda _: ["Hello ", "there."]))
    message = await house.say("good morning")
    await house.quiet(1)
    (line,) = endings(lines)
    assert (line["state"], line["finish"], line["platform"]) == ("delivered", "stop", "discord")
    assert (line["place"], line["message"]) == (CHANNEL.id, message)
    assert (line["model"], line["persona"], line["kept"], line["dropped"]) == ("kind", 0, 1, 0)
    assert (line["tokens"], line["prompt_tokens"]) == (2, len(house.generator.prompts[0].ids))
    order = [line[name] for name in ("queued", "first_text", "last_text", "seconds")]
    assert order == sorted(order)
    assert line["first_text"] <= line["shown"] <= line["seconds"]
    assert line["edits_sent"] >= 1
    (fact,) = notes.ended
    assert (fact.state, fact.tokens) == (ReplyState.DELIVERED, 2)
    assert ModelAnswered("kind") in notes.facts


async def test_the_ids_of_a_reply_are_in_every_line_that_is_written_for_it(
    build: Build, lines: Lines
) -> None:
    seen: list[dict[str, Any]] = []

    def script(_: Prompt) -> list[Step]:
        seen.append(dict(get_contextvars()))
        structlog.get_logger("bot.worker").info("computing")
        return ["one"]

    house = await open_house(build, Notes(), ScriptedGenerator(script))
    house.board.failures.append(Throttled("too fast", retry_after=0.0))
    message = await house.say("go")
    await house.quiet(1)
    (ending,) = endings(lines)
    ids = {"reply": ending["reply"], "place": CHANNEL.id, "message": message}
    assert seen == [ids]
    for event in ("reply claimed", "computing", "reply ended"):
        (line,) = [line for line in lines if line["event"] == event]
        assert {name: line[name] for name in ids} == ids, event


async def test_two_replies_of_one_place_do_not_mix_their_ids(build: Build, lines: Lines) -> None:
    go, seen = asyncio.Event(), []

    def script(_: Prompt) -> list[Step]:
        seen.append(get_contextvars()["message"])
        return ["one", go]

    house = await open_house(build, Notes(), ScriptedGenerator(script))
    first = await house.say("one", ANN)
    await house.board.until(lambda: bool(house.board.posted))
    second = await house.say("two", BOB)
    go.set()
    await house.quiet(2)
    assert seen == [first, second]
    assert [line["message"] for line in endings(lines)] == [first, second]


async def test_a_failure_is_told_with_its_reason(build: Build, lines: Lines) -> None:
    notes = Notes()
    broken = ScriptedGenerator(lambda _: ["so far", GenerationError("the device is gone")])
    house = await open_house(build, notes, broken)
    await house.say("go")
    await house.quiet(1)
    (line,) = endings(lines)
    assert (line["state"], line["log_level"]) == ("failed", "warning")
    assert line["reason"] == "GenerationError: the device is gone"
    assert [fact.state for fact in notes.ended] == [ReplyState.FAILED]


async def test_a_place_that_is_gone_is_told_once(build: Build, lines: Lines) -> None:
    house = await open_house(build, Notes(), ScriptedGenerator(lambda _: ["text"]))
    house.board.failures.append(Undeliverable("the channel is gone"))
    await house.say("go")
    await house.idle()
    (line,) = endings(lines)
    assert line["state"] == "failed"
    assert "the channel is gone" in line["reason"]


async def test_merged_and_withdrawn_messages_get_their_line(build: Build, lines: Lines) -> None:
    notes, go = Notes(), asyncio.Event()
    house = await open_house(build, notes, ScriptedGenerator(lambda _: ["answer", go]))
    await house.say("one", ANN)
    await house.board.until(lambda: bool(house.board.posted))
    merged = await house.say("two", BOB)
    into = await house.say("three", BOB)
    withdrawn = await house.say("four", ANN)
    await house.conversations.withdraw(CHANNEL, withdrawn)
    go.set()
    await house.quiet(2)
    told = {line["message"]: line for line in endings(lines)}
    assert told[withdrawn]["state"] == "stopped"
    assert told[merged]["state"] == "merged"
    assert told[merged]["into"] == told[into]["reply"]
    assert len(endings(lines)) == 4
    assert sorted(fact.state for fact in notes.ended) == [
        "delivered",
        "delivered",
        "merged",
        "stopped",
    ]


async def test_a_message_that_is_turned_away_is_told(build: Build, lines: Lines) -> None:
    notes, go = Notes(), asyncio.Event()
    house = await build(ScriptedGenerator(lambda _: ["a", go]), waiting=1, observer=notes)
    house.conversations.attach(house.board)
    await house.say("one", ANN)
    await house.board.until(lambda: bool(house.board.posted))
    await house.say("two", BOB)
    refused = await house.say("three", ANN)
    await house.say("beep", Author("5", "Robot", Standing.BOT), place=OTHER)
    go.set()
    await house.quiet(2)
    told = {line["message"]: line for line in endings(lines)}
    assert told[refused]["state"] == "failed"
    assert "replies wait" in told[refused]["reason"]
    assert MessageRefused("discord", "other") in notes.facts


async def test_edits_are_counted_as_sent_merged_and_throttled(build: Build) -> None:
    notes, go = Notes(), asyncio.Event()
    script = ScriptedGenerator(lambda _: ["one ", go, "two ", "three ", "four"])
    house = await open_house(build, notes, script)
    house.board.failures.append(Throttled("too fast", retry_after=0.0))
    await house.say("go")
    await house.board.until(lambda: bool(house.board.posted) and not house.board.in_flight)
    house.board.seconds = 3600.0
    go.set()
    await house.quiet(1)
    (fact,) = notes.ended
    sent = len(house.board.posted[0].shown)
    assert fact.edits == Edits(sent=sent, merged=2, throttled=1)


async def test_what_people_say_stands_only_under_keys_that_are_left_out(
    build: Build, lines: Lines
) -> None:
    house = await open_house(build, Notes(), ScriptedGenerator(lambda _: ["A secret answer."]))
    await house.say("my secret question", Author("7", "Secretive"))
    await house.say("another secret", Author("7", "Secretive"))
    await house.quiet(1)
    shown = [{k: v for k, v in line.items() if k not in TEXTS} for line in lines]
    assert "ecret" not in repr(shown)
    assert "my secret question" in repr(lines)
    assert "A secret answer." in repr(lines)
