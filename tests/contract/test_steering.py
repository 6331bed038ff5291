"""Steering a conversation, the same on every platform: by buttons, menus and commands."""

from __future__ import annotations

import asyncio

from bot.control.words import say
from bot.values import FinishReason
from tests.board import Step
from tests.contract.stage import Stage, Where
from tests.contract.test_contract import finished

ONCE = "Once upon a time"


async def answered(stage: Stage, *steps: Step, text: str = "what is a quipu?") -> Where:
    """Ann asks, and the answer has ended with its buttons."""
    stage.generator.script = lambda _: steps
    _, where = await stage.mentions("ann", text)
    words = (step for step in steps if isinstance(step, str))
    shown = "".join(word for word in words if not isinstance(word, FinishReason))
    await stage.shown(where, finished(shown))
    await stage.offers(where, "Regenerate")
    return where


async def regenerated(stage: Stage, where: Where, text: str) -> None:
    """Ann gets another answer in the place of the first."""
    stage.generator.script = lambda _: [text]
    await stage.presses("ann", where, "Regenerate")
    await stage.shown(where, finished(text))
    await stage.offers(where, "Earlier (2/2)")


async def test_an_answer_is_stopped_by_its_button(stage: Stage) -> None:
    stage.generator.script = lambda _: [ONCE, asyncio.Event(), " never said"]
    _, where = await stage.mentions("ann", "a story")
    await stage.shown(where, lambda shown: len(shown) == 1)
    await stage.presses_stop("ann", where)
    await stage.offers(where, "Regenerate")
    await stage.shown(where, finished(ONCE))
    assert stage.rows("SELECT state FROM replies") == [("stopped",)]


async def test_an_answer_is_given_again_and_the_earlier_one_brought_back(stage: Stage) -> None:
    where = await answered(stage, "A cord.")
    assert "Only who asked" in await stage.presses("bob", where, "Regenerate")
    await regenerated(stage, where, "Many knots.")
    await stage.presses("ann", where, "Earlier (2/2)")
    await stage.shown(where, finished("A cord."))
    await stage.offers(where, "Earlier (1/2)")
    assert stage.rows("SELECT text FROM turns WHERE role = 'assistant'") == [("A cord.",)]
    await stage.goes_on("ann", where, "go on")
    await stage.shown(where, lambda shown: len(shown) == 2)
    prompt = stage.generator.prompts[-1].text
    assert "A cord." in prompt
    assert "Many knots." not in prompt
    assert stage.refused() == 0


async def test_an_answer_that_was_cut_goes_on_where_it_ended(stage: Stage) -> None:
    where = await answered(stage, ONCE, FinishReason.LENGTH)
    stage.generator.script = lambda _: [" there was a cord."]
    await stage.presses("ann", where, "Continue")
    await stage.shown(where, finished(f"{ONCE} there was a cord."))
    await stage.offers(where, "Regenerate")
    assert stage.generator.prompts[-1].begun == ONCE
    refused = await stage.uses("ann", "continue", where)
    assert "not cut off" in refused


async def test_the_last_exchange_is_undone(stage: Stage) -> None:
    where = await answered(stage, "Noted.", text="the word is apple")
    await stage.goes_on("ann", where, "and pear")
    await stage.shown(where, finished("Noted.", "Noted."))
    await stage.offers(where, "Regenerate")
    assert "out of the conversation" in await stage.uses("ann", "undo", where)
    await stage.shown(where, finished("Noted."))
    await stage.goes_on("ann", where, "what is the word?")
    await stage.shown(where, finished("Noted.", "Noted."))
    prompt = stage.generator.prompts[-1].text
    assert "apple" in prompt
    assert "pear" not in prompt


async def test_a_conversation_begins_anew_and_the_old_one_stays_in_the_archive(
    stage: Stage,
) -> None:
    where = await answered(stage, "Noted.", text="the word is apple")
    assert "new conversation" in await stage.uses("ann", "reset", where)
    await stage.goes_on("ann", where, "what is the word?")
    await stage.shown(where, finished("Noted.", "Noted."))
    assert "apple" not in stage.generator.prompts[-1].text
    assert stage.rows("SELECT count(*) FROM turns WHERE text LIKE '%apple%'") == [(1,)]


async def test_commands_mean_ones_newest_question_after_a_restart_too(stage: Stage) -> None:
    where = await answered(stage, "Noted.", text="the word is apple")
    await stage.restarts()
    assert await stage.uses("ann", "reset", where) == say("conversation.reset", turns=2)
    await stage.goes_on("ann", where, "what is the word?")
    await stage.shown(where, finished("Noted.", "Noted."))
    await stage.offers(where, "Regenerate")
    assert "apple" not in stage.generator.prompts[-1].text
    await stage.restarts()
    assert "Model: model" in await stage.uses("ann", "why", where)
    assert await stage.uses("ann", "undo", where) == say("conversation.undone")
    await stage.shown(where, finished("Noted."))


async def test_a_conversation_of_somebody_else_is_steered_by_the_menus_of_its_messages(
    stage: Stage,
) -> None:
    where = await answered(stage, "Noted.", text="the word is apple")
    await stage.goes_on("ann", where, "and pear")
    await stage.shown(where, finished("Noted.", "Noted."))
    await stage.offers(where, "Regenerate")
    assert "Only who asked" in await stage.chooses("bob", where, "Undo")
    assert await stage.chooses("chief", where, "Undo") == say("conversation.undone")
    await stage.shown(where, finished("Noted."))
    told = await stage.chooses("bob", where, "New conversation")
    assert told == say("conversation.reset", turns=2)
    assert stage.rows("SELECT count(*) FROM turns") == [(2,)]


async def test_everybody_is_told_how_an_answer_came_about(stage: Stage) -> None:
    where = await answered(stage, "A cord.")
    told = await stage.presses("bob", where, "Why?")
    for words in (
        "Model: model",
        "Seed: ",
        "Persona: ",
        "Turns: 1 used, none left out",
        "tokens in",
    ):
        assert words in told
    assert await stage.chooses("bob", where, "Why this answer") == told
    assert await stage.uses("ann", "why", where) == told


async def test_a_vote_is_kept_with_its_reason_and_changed(stage: Stage) -> None:
    where = await answered(stage, "A cord.")
    assert "Thank you" in await stage.presses("bob", where, "Good")
    assert stage.rows("SELECT score, reason FROM votes") == [(1, "")]
    await stage.presses_with("bob", where, "Bad", "It says too little.")
    assert stage.rows("SELECT score, reason FROM votes") == [(-1, "It says too little.")]
    kept = stage.rows("SELECT text, model FROM answers NATURAL JOIN prompts")
    assert kept == [("A cord.", "model")]


async def test_a_reason_belongs_to_the_answer_that_it_was_asked_for(stage: Stage) -> None:
    """Ann has the answer given again while Bob is still writing what was wrong with it."""
    where = await answered(stage, "A cord.")
    window = await stage.opens("bob", where, "Bad")
    await regenerated(stage, where, "Many knots.")
    await stage.sends("bob", window, "too short")
    assert stage.rows("SELECT number, score, reason FROM votes") == [(1, -1, "too short")]
    await stage.opens("bob", where, "Bad")
    kept = stage.rows("SELECT number, reason FROM votes ORDER BY number")
    assert kept == [(1, "too short"), (2, "")]


async def test_a_reason_stays_when_the_answer_is_found_bad_once_more(stage: Stage) -> None:
    where = await answered(stage, "A cord.")
    await stage.presses_with("bob", where, "Bad", "too short")
    await stage.opens("bob", where, "Bad")
    assert stage.rows("SELECT score, reason FROM votes") == [(-1, "too short")]
    await stage.presses("bob", where, "Good")
    assert stage.rows("SELECT score, reason FROM votes") == [(1, "")]


async def test_a_button_from_before_answers_had_numbers_means_the_one_shown(stage: Stage) -> None:
    where = await answered(stage, "A cord.")
    await regenerated(stage, where, "Many knots.")
    [(reply,)] = stage.rows("SELECT id FROM replies")
    assert "Thank you" in await stage.forges("bob", where, f"q:rate:{reply}::score=up")
    assert stage.rows("SELECT number, score FROM votes") == [(2, 1)]


async def test_an_answer_that_is_being_written_is_not_judged_yet(stage: Stage) -> None:
    end = asyncio.Event()
    stage.generator.script = lambda _: [ONCE, end, " there was a cord."]
    _, where = await stage.mentions("ann", "a story")
    await stage.shown(where, lambda shown: len(shown) == 1)
    told = await stage.uses("ann", "rate", where, score="up")
    assert told == say("conversation.still_writing")
    end.set()
    await stage.shown(where, finished(f"{ONCE} there was a cord."))
    await stage.offers(where, "Regenerate")
    assert "Thank you" in await stage.uses("ann", "rate", where, score="up")
    assert stage.rows("SELECT number, score FROM votes") == [(1, 1)]


async def test_two_answers_are_compared(stage: Stage) -> None:
    where = await answered(stage, "A cord.")
    await regenerated(stage, where, "Many knots.")
    assert "answer 1 is better" in await stage.presses("bob", where, "1 is better")
    assert "answer 2 is better" in await stage.presses("bob", where, "2 is better")
    assert stage.rows("SELECT count(*) FROM preferences") == [(1,)]


async def test_buttons_work_after_a_restart(stage: Stage) -> None:
    where = await answered(stage, "A cord.")
    await stage.restarts()
    assert "Only who asked" in await stage.presses("bob", where, "Regenerate")
    await regenerated(stage, where, "Many knots.")
    assert "answer 2 is better" in await stage.presses("ann", where, "2 is better")


async def test_a_button_that_no_longer_applies_says_so(stage: Stage) -> None:
    where = await answered(stage, "A cord.")
    await stage.goes_on("ann", where, "and then?")
    await stage.shown(where, finished("A cord.", "A cord."))
    await stage.offers(where, "Regenerate")
    assert "moved on" in await stage.presses("ann", where, "Regenerate", at=0)
    assert len(stage.generator.prompts) == 2


async def test_a_text_file_is_read_and_another_one_declined(stage: Stage) -> None:
    where = await stage.attaches("ann", "explain", "knots.py", b"tie()\n")
    await stage.shown(where, lambda shown: len(shown) == 1)
    await stage.quiet()
    assert "knots.py:\n```py\ntie()\n```" in stage.generator.prompts[-1].text
    where = await stage.attaches("bob", "explain", "cat.png", b"\x89PNG\r\n\x1a\n\x00\xff")
    await stage.shown(where, lambda shown: any("cat.png" in text for text in shown))
    await stage.quiet()
    assert "PNG" not in stage.generator.prompts[-1].text


async def test_an_answer_that_a_moderator_deletes_is_kept_nowhere(stage: Stage) -> None:
    where = await answered(stage, "Ann lives in Elm Street.", text="where does Ann live?")
    await stage.presses("ann", where, "Good")
    await stage.goes_on("ann", where, "what did you say?")
    await stage.shown(where, finished("Ann lives in Elm Street.", "Ann lives in Elm Street."))
    await stage.offers(where, "Regenerate")
    await stage.removes("chief", where)
    await stage.removes("chief", where)
    stage.generator.script = lambda _: ["I cannot say."]
    await stage.goes_on("ann", where, "and now?")
    await stage.shown(where, finished("I cannot say."))
    prompt = stage.generator.prompts[-1].text
    assert "what did you say?" in prompt
    assert "Elm Street" not in prompt
    assert "Elm Street" not in await stage.fetches("chief", "channel export")


async def test_of_a_long_answer_a_moderator_need_only_delete_one_message(stage: Stage) -> None:
    long = " ".join(f"word{number}" for number in range(2000))
    stage.generator.script = lambda _: [long]
    _, where = await stage.mentions("ann", "tell me everything")
    await stage.shown(where, lambda shown: "".join(shown).endswith("word1999"), 60)
    await stage.offers(where, "Regenerate")
    await stage.removes("chief", where, at=0)
    stage.generator.script = lambda _: ["Well."]
    await stage.goes_on("ann", where, "and now?")
    await stage.shown(where, lambda shown: shown == ["Well."])
    assert "word0" not in stage.generator.prompts[-1].text
    assert stage.rows("SELECT count(*) FROM reply_parts WHERE reply_id = 1") == [(0,)]


async def test_what_the_bot_itself_takes_back_stays_in_the_conversation(stage: Stage) -> None:
    long = " ".join(f"word{number}" for number in range(2000))
    stage.generator.script = lambda _: [long]
    _, where = await stage.mentions("ann", "tell me everything")
    await stage.shown(where, lambda shown: "".join(shown).endswith("word1999"), 60)
    await stage.offers(where, "Regenerate")
    await regenerated(stage, where, "Shortly: no.")
    await stage.goes_on("ann", where, "why?")
    await stage.shown(where, finished("Shortly: no.", "Shortly: no."))
    assert "Shortly: no." in stage.generator.prompts[-1].text
    assert stage.rows("SELECT count(*) FROM answers WHERE reply_id = 1") == [(2,)]
