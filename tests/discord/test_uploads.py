"""Files that a command gives to a person, however large."""

from __future__ import annotations

import gzip
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.discord.exchange import LARGE
from adapters.discord.uploads import fitting
from bot.control.response import File, Response
from bot.control.words import say
from tests.discord.stage import Stage
from tests.loopback.discord import Message

EXPORT = ("privacy", "export")
DEFERRED = 5


async def exported(stage: Stage, content: bytes, messages: int = 1) -> list[Message]:
    """Ann gets a file of hers; so many messages, which only she sees."""
    stage.desk.answers[EXPORT] = Response("Here.", file=File("me.json", content))
    interaction = await stage.ann.runs_command("privacy export", stage.channel)
    first = await interaction.answer()
    more = interaction.followups
    await stage.server.world.changes.until(
        lambda: len(more) == messages - 1, 10, lambda: repr(interaction)
    )
    assert all(one.ephemeral for one in (first, *more))
    return [first, *more]


async def test_a_file_that_discord_would_refuse_is_packed(live: Stage) -> None:
    live.server.world.largest_file = 1000
    content = b"knots " * 500
    [answer] = await exported(live, content)
    [file] = answer.attachments
    assert file.name == "me.json.gz"
    assert gzip.decompress(file.content) == content
    assert answer.content == f"Here.\n\n{say('discord.file_packed', name='me.json')}"


async def test_a_file_that_is_too_large_even_then_comes_in_parts(live: Stage) -> None:
    live.server.world.largest_file = 1000
    content = os.urandom(2500)
    answers = await exported(live, content, messages=3)
    files = [file for answer in answers for file in answer.attachments]
    assert [file.name for file in files] == [f"me.json.gz.00{number}" for number in (1, 2, 3)]
    assert gzip.decompress(b"".join(file.content for file in files)) == content
    assert "3 parts" in answers[0].content


@pytest.mark.parametrize(
    ("size", "method", "path"), [(9, "POST", "/callback"), (LARGE + 1, "PATCH", "/webhooks/")]
)
async def test_of_a_file_that_discord_refuses_the_person_is_told(
    live: Stage, size: int, method: str, path: str
) -> None:
    refused = live.server.faults.fail(method, path, error="40005")
    answer, sentence = await exported(live, bytes(size), messages=2)
    assert refused.seen == 1
    assert answer.content == "Here."
    assert sentence.content == say("discord.file_not_sent", names="`me.json`")
    assert answer.attachments == sentence.attachments == []


async def test_of_the_parts_of_a_file_those_are_named_that_were_not_sent(live: Stage) -> None:
    live.server.world.largest_file = 1000
    live.server.faults.fail("POST", "/webhooks/", error="40005")
    answer, sentence = await exported(live, os.urandom(2500), messages=2)
    assert [file.name for file in answer.attachments] == ["me.json.gz.001"]
    names = "`me.json.gz.002`, `me.json.gz.003`"
    assert sentence.content == say("discord.file_not_sent", names=names)


async def test_a_long_text_is_whole_though_discord_refuses_its_file(live: Stage) -> None:
    refused = live.server.faults.fail("POST", "/webhooks/", error="40005")
    live.desk.answers[EXPORT] = Response("Here. " * 1000, file=File("me.json", b"{}"))
    interaction = await live.ann.runs_command("privacy export", live.channel)
    first = await interaction.answer()
    more = interaction.followups
    await live.server.world.changes.until(lambda: len(more) == 2, 10, lambda: repr(interaction))
    assert refused.seen == 1
    text = "".join(embed["description"] for one in (first, more[0]) for embed in one.embeds)
    assert text.count("Here.") == 1000
    assert more[1].content == say("discord.file_not_sent", names="`me.json`")


async def test_for_a_large_file_patience_is_asked_first(live: Stage) -> None:
    content = os.urandom(LARGE + 1)
    live.desk.answers[EXPORT] = Response(file=File("me.json", content))
    interaction = await live.ann.runs_command("privacy export", live.channel)
    assert interaction.acknowledged == DEFERRED
    [file] = (await interaction.answer()).attachments
    assert (file.name, file.content) == ("me.json", content)


@given(st.binary(max_size=300), st.integers(1, 100))
def test_a_file_is_whole_whatever_it_is_cut_into(content: bytes, most: int) -> None:
    files = fitting(File("it.json", content), most)
    joined = b"".join(file.content for file in sorted(files, key=lambda file: file.name))
    assert all(len(file.content) <= most for file in files)
    assert (joined if files[0].name == "it.json" else gzip.decompress(joined)) == content
