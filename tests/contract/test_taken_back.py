"""What people take back of a message: its words, its file, all of it, wherever it was kept."""

from __future__ import annotations

import asyncio

import pytest

from bot.values import Prompt
from tests.contract.stage import Stage

QUESTIONS = "SELECT text FROM turns WHERE role = 'user' ORDER BY id"


async def test_an_edit_without_the_mention_takes_the_words_back(stage: Stage) -> None:
    stage.generator.script = lambda _: ["I see."]
    said, where = await stage.mentions("ann", "my IBAN is DE89370400440532013000")
    await stage.shown(where, lambda shown: shown == ["I see."])
    await stage.quiet()
    await stage.edits("ann", said, "oops")
    await stage.goes_on("bob", where, "and now?")
    await stage.shown(where, lambda shown: shown == ["I see.", "I see."])
    await stage.quiet()
    assert not any("DE89" in text for (text,) in stage.rows(QUESTIONS))
    assert "DE89" not in stage.generator.prompts[-1].text


async def test_a_file_that_was_taken_back_is_not_read_any_more(stage: Stage) -> None:
    stage.generator.script = lambda _: ["Thanks."]
    where = await stage.attaches("ann", "explain", "secrets.env", b"TOKEN=plum")
    await stage.shown(where, lambda shown: shown == ["Thanks."])
    await stage.quiet()
    await stage.takes_file_back("ann", where)
    await stage.goes_on("ann", where, "and now?")
    await stage.shown(where, lambda shown: shown == ["Thanks.", "Thanks."])
    await stage.quiet()
    assert stage.rows(QUESTIONS) == [("explain",), ("and now?",)]
    assert "plum" not in stage.generator.prompts[-1].text


@pytest.mark.parametrize("threads", [True, False])
async def test_a_question_is_taken_back_though_threads_were_switched_since(
    stage: Stage, threads: bool
) -> None:
    prompts = asyncio.Queue[str]()

    def noted(prompt: Prompt) -> list[str]:
        prompts.put_nowait(prompt.text)
        return ["I see."]

    stage.generator.script = noted
    await stage.uses("chief", "answers", threads=threads)
    said, _ = await stage.mentions("ann", "the secret is plum")
    other, _ = await stage.mentions("ann", "the secret is pear")
    await asyncio.gather(prompts.get(), prompts.get())
    await stage.quiet()
    await stage.uses("chief", "inherit", setting="threads")
    await stage.deletes("ann", said)
    await stage.edits("ann", other, "@bot the secret is mine")
    await stage.mentions("bob", "and now?")
    await prompts.get()
    await stage.quiet()
    assert stage.rows(QUESTIONS) == [("the secret is mine",), ("and now?",)]
