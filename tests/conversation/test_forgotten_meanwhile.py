"""Somebody wants to be forgotten, or edits, while an answer is written that knows their words."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

from bot.values import Prompt
from storage.answers import unpacked
from tests.board import echo
from tests.conversation.conftest import ANN, BOB, House

SECRET = "my code is apple pear plum"


def everything(house: House) -> str:
    """All rows of the file, with the prompts as they can be read."""
    with closing(sqlite3.connect(house.file)) as database:
        contents = database.execute("SELECT content FROM prompts").fetchall()
        return "\n".join([*database.iterdump(), *(str(unpacked(row[0])) for row in contents)])


async def half_written(house: House, held: asyncio.Event) -> None:
    """Ann has told a secret, and the answer to Bob repeats it."""

    def script(prompt: Prompt) -> list[str | asyncio.Event]:
        return [f"She said {SECRET}, ", held, f"truly {SECRET}."]

    await house.say(SECRET, message_id="1")
    await house.idle()
    house.generator.script = script
    await house.say("what is her code?", BOB)
    await house.board.until(lambda: "She said" in house.board.texts[-1])


async def test_the_answer_does_not_bring_the_words_back(house: House) -> None:
    held = asyncio.Event()
    await half_written(house, held)
    await house.records.forget_person("discord", ANN.id, names=[ANN.name])
    held.set()
    await house.idle()
    assert house.board.texts[-1].endswith("plum.")
    assert "apple" not in everything(house)
    assert [turn.text for turn in await house.turns()][-2:] == ["what is her code?", "[…]"]
    house.generator.script = echo
    await house.say("and now?", BOB)
    await house.idle()
    assert "apple" not in house.generator.prompts[-1].text
    assert "and now?" in everything(house).rpartition("'messages'")[2]


async def test_the_prompt_with_the_words_before_an_edit_is_not_kept(house: House) -> None:
    held = asyncio.Event()
    await half_written(house, held)
    await house.conversations.amend((await house.newest()).place, "1", "never mind")
    held.set()
    await house.idle()
    with closing(sqlite3.connect(house.file)) as database:
        assert database.execute("SELECT count(*) FROM prompts").fetchall() == [(0,)]
    await house.records.forget_person("discord", ANN.id)
    assert "apple" not in everything(house)


async def test_an_answer_that_waits_for_its_turn_is_kept(house: House) -> None:
    held = asyncio.Event()
    await half_written(house, held)
    house.generator.script = echo
    await house.say("and then?", BOB)
    await house.records.forget_person("discord", ANN.id, names=[ANN.name])
    held.set()
    await house.idle()
    assert (await house.turns())[-1].text == "You said: Bob: and then?"
