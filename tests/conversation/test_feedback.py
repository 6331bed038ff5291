"""Why an answer is as it is, and what people think of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from bot.control.records import Verdict
from bot.control.response import pressed
from bot.errors import Refused
from tests.board import ScriptedGenerator, Step
from tests.conversation.conftest import ANN, BOB, CHANNEL, OTHER, Build, House


@pytest.fixture
async def answered(build: Build) -> House:
    """Two answers to one question, the second of which is shown."""
    texts = iter(["First.", "Second."])
    house = await build(ScriptedGenerator(lambda _: [next(texts)]))
    house.conversations.attach(house.board)
    await house.say("a story")
    await house.board.until(lambda: bool(house.board.posted))
    await house.idle()
    await house.use("regenerate")
    await house.idle()
    return house


async def test_why_names_all_that_the_answer_was_made_with(answered: House) -> None:
    told = (await answered.use("why", BOB)).text
    for words in (
        "number 2 of 2",
        "Model: kind",
        "Adapter: none",
        "`temperature` 0.6",
        "`top_p` 0.9",
        "Persona: the one of the configuration",
        "1 used, none left out",
        "Answer: 1 tokens",
        "complete",
    ):
        assert words in told


async def test_changing_ones_mind_replaces_the_vote(answered: House) -> None:
    await answered.use("rate", BOB, score="up")
    await answered.use("rate", BOB, score="down", reason="too short")
    await answered.use("rate", ANN, score="up")
    (example,) = await answered.records.examples()
    votes = {vote.author.id: (vote.number, vote.verdict, vote.reason) for vote in example.votes}
    assert votes == {BOB.id: (2, Verdict.DOWN, "too short"), ANN.id: (2, Verdict.UP, "")}
    assert [answer.text for answer in example.answers] == ["First.", "Second."]


async def test_a_bad_vote_is_saved_before_the_reason_is_asked_for(answered: House) -> None:
    response = await answered.use("rate", BOB, score="down")
    (example,) = await answered.records.examples()
    assert [vote.reason for vote in example.votes] == [""]
    form = response.form
    assert form is not None
    assert (form.command, form.arguments) == (
        ("rate",),
        (("score", "down"), ("answer", "2")),
    )
    assert [one.argument.name for one in form.fields] == ["reason"]
    again = await answered.use("rate", BOB, score="down", reason="")
    assert again.form is None, "a form that was sent empty is not opened again"


async def test_while_another_answer_is_written_a_vote_says_which_it_is_about(build: Build) -> None:
    end = asyncio.Event()
    scripts: Iterator[list[Step]] = iter([["First."], ["Second", end, "."]])
    house = await build(ScriptedGenerator(lambda _: next(scripts)))
    house.conversations.attach(house.board)
    await house.say("a story")
    await house.idle()
    await house.use("regenerate")
    await house.board.until(lambda: house.board.texts[0].startswith("Second"))
    with pytest.raises(Refused, match="still_writing"):
        await house.use("rate", BOB, score="up")
    await house.use("rate", BOB, score="up", answer=1)
    end.set()
    await house.idle()
    await house.use("rate", BOB, score="down", reason="too short")
    (example,) = await house.records.examples()
    votes = {vote.number: vote.verdict for vote in example.votes}
    assert votes == {1: Verdict.UP, 2: Verdict.DOWN}
    with pytest.raises(Refused, match="no_longer_kept"):
        await house.use("rate", BOB, score="up", answer=3)


async def test_which_is_better_is_kept_as_a_pair(answered: House) -> None:
    told = await answered.use("prefer", BOB, answer=1)
    assert "answer 1 is better than answer 2" in told.text
    await answered.use("prefer", BOB, answer=2)
    (example,) = await answered.records.examples()
    assert [(one.better, one.worse) for one in example.preferences] == [(2, 1)]
    with pytest.raises(Refused, match="no_such_answer"):
        await answered.use("prefer", BOB, answer=3)


async def test_which_is_better_needs_two_answers(house: House) -> None:
    await house.say("hello")
    await house.board.until(lambda: bool(house.board.posted))
    await house.idle()
    with pytest.raises(Refused, match="only_one"):
        await house.use("prefer", BOB, answer=1)


async def test_answers_that_say_the_same_are_not_called_a_single_one(house: House) -> None:
    await house.say("hello")
    await house.idle()
    await house.use("regenerate")
    await house.idle()
    with pytest.raises(Refused, match="all_alike"):
        await house.use("prefer", BOB, answer=1)


async def test_a_reply_of_another_place_cannot_be_touched(answered: House) -> None:
    number = (await answered.newest()).reply_id
    for command, given in (("why", {}), ("rate", {"score": "up"}), ("prefer", {"answer": 1})):
        with pytest.raises(Refused, match="no_answer"):
            await answered.use(command, BOB, OTHER, reply_id=number, **given)


async def test_buttons_work_by_their_ids_alone_after_a_restart(
    build: Build, answered: House
) -> None:
    buttons = answered.board.posted[0].buttons
    await answered.conversations.drain(0.0)
    again = await build(ScriptedGenerator(lambda _: ["Third."]))
    again.conversations.attach(again.board)
    for button in buttons:
        found = pressed(button.id)
        assert found is not None
        assert len(button.id) <= 100
        given = dict(found.arguments)
        if "answer" in given:
            given["answer"] = int(given["answer"])
        response = await again.use(
            found.command[0], ANN, CHANNEL, reply_id=found.reply_id or 0, **given
        )
        await again.idle()
        assert response.text
    record = await again.newest()
    assert len(record.alternatives) == 3
