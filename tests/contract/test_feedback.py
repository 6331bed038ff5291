"""What people thought of answers, as the operator exports it for training."""

from __future__ import annotations

from typing import Any

from bot.commands.training import Format
from bot.values import FinishReason
from tests.contract.stage import Said, Stage, Where
from tests.contract.test_contract import finished
from tests.contract.test_steering import ONCE, answered, regenerated

Row = dict[str, Any]


async def asked(stage: Stage, text: str, answer: str) -> tuple[Said, Where]:
    """Ann asks in private and has her answer."""
    stage.generator.script = lambda _: [answer]
    said, where = await stage.writes("ann", text)
    await stage.shown(where, finished(answer))
    await stage.offers(where, "Regenerate")
    return said, where


def words(row: Row) -> tuple[str, str]:
    """What was asked last and what was answered."""
    [completion] = row["completion"]
    return row["prompt"][-1]["content"], completion["content"]


async def test_an_answer_is_never_paired_with_a_question_that_it_did_not_answer(
    stage: Stage,
) -> None:
    said, where = await asked(stage, "what do cats do?", "Cats purr.")
    await stage.uses("ann", "rate", where, score="up")
    liked = await stage.feedback(Format.SFT)
    assert list(map(words, liked)) == [("what do cats do?", "Cats purr.")]
    await stage.edits("ann", said, "what do dogs do?")
    await regenerated(stage, where, "Dogs bark.")
    await stage.uses("ann", "rate", where, score="down", reason="untrue")
    judged = await stage.feedback(Format.KTO)
    assert list(map(words, judged)) == [("what do dogs do?", "Dogs bark.")]
    assert [row["label"] for row in judged] == [False]
    assert await stage.feedback(Format.SFT) == []
    assert await stage.feedback(Format.PREFERENCE) == []


async def test_answers_of_two_personas_are_no_pair(stage: Stage) -> None:
    where = await answered(stage, "A cord.")
    await regenerated(stage, where, "Many knots.")
    await stage.presses("bob", where, "2 is better")
    (row,) = await stage.feedback(Format.PREFERENCE)
    assert (row["metadata"]["chosen"]["answer"], row["metadata"]["rejected"]["answer"]) == (2, 1)
    await stage.sets_persona("chief", "You are a pirate.")
    stage.generator.script = lambda _: ["Arr, knots."]
    await stage.presses("ann", where, "Regenerate")
    await stage.offers(where, "Earlier (3/3)")
    await stage.presses("bob", where, "3 is better")
    assert await stage.feedback(Format.PREFERENCE) == [row]
    await stage.presses("bob", where, "Good")
    (liked,) = await stage.feedback(Format.SFT)
    assert liked["prompt"][0] == {"role": "system", "content": "You are a pirate."}


async def test_an_answer_that_went_on_is_exported_as_the_whole_that_people_saw(
    stage: Stage,
) -> None:
    where = await answered(stage, ONCE, FinishReason.LENGTH, text="a story")
    stage.generator.script = lambda _: [" there was a cord."]
    await stage.presses("ann", where, "Continue")
    await stage.offers(where, "Earlier (2/2)")
    await stage.presses("ann", where, "Good")
    (row,) = await stage.feedback(Format.SFT)
    assert row["prompt"][-1]["role"] == "user"
    assert row["completion"] == [{"role": "assistant", "content": f"{ONCE} there was a cord."}]
    assert (row["metadata"]["answer"], row["metadata"]["continues"]) == (2, 1)


async def test_an_answer_whose_beginning_had_another_persona_is_left_out(stage: Stage) -> None:
    where = await answered(stage, ONCE, FinishReason.LENGTH, text="a story")
    await stage.sets_persona("chief", "You are a pirate.")
    stage.generator.script = lambda _: [" there was a cord."]
    await stage.presses("ann", where, "Continue")
    await stage.offers(where, "Earlier (2/2)")
    await stage.presses("ann", where, "Good")
    assert await stage.feedback(Format.SFT) == []
