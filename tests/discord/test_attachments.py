"""Files that people attach."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest

from adapters.discord.attachments import MOST_BYTES, Attached, Attachments
from bot.control.records import Behaviour
from bot.errors import PlatformError, Refused
from tests.discord.stage import Stage


@pytest.fixture
async def files(stage: Stage) -> AsyncIterator[Attachments]:
    made = Attachments(stage.server.api_url)
    yield made
    await made.close()


def attached(stage: Stage, name: str, content: bytes, kind: str = "") -> Attached:
    file = stage.ann.file(stage.channel, name, content, kind)
    return Attached(name, file.url, len(content), kind)


@pytest.mark.parametrize(
    ("name", "kind", "reads"),
    [
        ("notes.txt", "text/plain; charset=utf-8", True),
        ("data.json", "application/json", True),
        ("index.ts", "video/mp2t", True),
        ("main.py", "", True),
        ("Dockerfile", "", True),
        ("cat.png", "image/png", False),
        ("paper.pdf", "application/pdf", False),
        ("archive", "", False),
    ],
)
def test_type_or_name_say_whether_it_is_text(name: str, kind: str, reads: bool) -> None:
    assert Attached(name, "https://cdn.discordapp.com/x", 1, kind).looks_like_text is reads


async def test_text_files_become_blocks_with_their_names(stage: Stage, files: Attachments) -> None:
    given = [
        attached(stage, "a.py", b"print(1)\n"),
        attached(stage, "b.txt", "\ufeffñandú".encode()),
    ]
    text, declined = await files.read(given)
    assert text == "a.py:\n```py\nprint(1)\n```\n\nb.txt:\n```txt\nñandú\n```"
    assert declined == ()


async def test_the_fifth_file_and_what_is_no_text_are_declined(
    stage: Stage, files: Attachments
) -> None:
    given = [attached(stage, f"{number}.txt", b"x") for number in range(5)]
    given += [attached(stage, "cat.png", b"\x89PNG"), attached(stage, "liar.txt", b"\xff\x00")]
    _, declined = await files.read(given)
    assert declined == ("4.txt", "cat.png", "liar.txt")
    assert "cat.png" not in stage.server.files.fetched


async def test_a_file_larger_than_it_says_is_not_read_to_its_end(
    stage: Stage, files: Attachments
) -> None:
    large = attached(stage, "a.txt", b"x" * (MOST_BYTES + 1))
    liar = Attached(large.name, large.url, 10)
    with pytest.raises(Refused, match="more than"):
        await files.text(liar)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/attachments/1/2/a.txt",
        "http://cdn.discordapp.com/attachments/1/2/a.txt",
        "https://cdn.discordapp.com.example.org/a.txt",
        "https://cdn.discordapp.com:8443/a.txt",
        "https://cdn.discordapp.com@example.org/a.txt",
        "file:///etc/passwd",
        "not an address",
    ],
)
async def test_files_are_fetched_from_discord_alone(files: Attachments, url: str) -> None:
    with pytest.raises(Refused):
        await files.text(Attached("a.txt", url, 1))


async def test_a_file_that_is_gone_is_a_failure_of_the_platform(
    stage: Stage, files: Attachments
) -> None:
    there = attached(stage, "a.txt", b"x")
    gone = Attached("a.txt", re.sub(r"/\d+/a.txt", "/1/a.txt", there.url), 1)
    with pytest.raises(PlatformError):
        await files.text(gone)


# On their way into a conversation


async def test_a_message_is_read_with_its_files(live: Stage) -> None:
    file = live.ann.file(live.channel, "knots.py", b"tie()\n", "text/x-python")
    await live.ann.mentions(live.channel, "what is this?", [file])
    await live.inbox.until(lambda inbox: bool(inbox.accepted))
    [inbound] = live.inbox.accepted
    assert inbound.text == "what is this?\n\nknots.py:\n```py\ntie()\n```"
    assert not live.channel.from_bot


async def test_what_cannot_be_read_is_said_in_one_sentence(live: Stage) -> None:
    picture = live.ann.file(live.channel, "cat`.png", b"\x89PNG", "image/png")
    question = await live.ann.mentions(live.channel, "what is this?", [picture])
    [notice] = await live.channel.wait_for(lambda _: live.channel.from_bot)
    assert "`cat.png`" in notice.content
    assert "100 kB" in notice.content
    assert notice.reference is question
    assert [one.text for one in live.inbox.accepted] == ["what is this?"]


async def test_a_picture_without_a_word_is_declined_and_not_answered(live: Stage) -> None:
    picture = live.ann.file(live.channel, "cat.png", b"\x89PNG", "image/png")
    await live.ann.mentions(live.channel, "", [picture])
    await live.channel.wait_for(lambda _: live.channel.from_bot)
    assert not live.inbox.accepted


async def test_where_nothing_is_answered_no_picture_is_declined(live: Stage) -> None:
    quiet = live.guild.channel("quiet")
    live.habits.places[live.place(quiet).id] = Behaviour(when="never")
    picture = live.ann.file(live.channel, "cat.png", b"\x89PNG", "image/png")
    await live.ann.mentions(quiet, "", [picture])
    await live.ann.mentions(quiet, "hello")
    await live.inbox.until(lambda inbox: bool(inbox.accepted))
    assert not quiet.from_bot


async def test_an_edited_message_keeps_its_files(live: Stage) -> None:
    file = live.ann.file(live.channel, "a.txt", b"one\n", "text/plain")
    message = await live.ann.mentions(live.channel, "first", [file])
    await live.inbox.until(lambda inbox: bool(inbox.accepted))
    await live.ann.edits(message, "@bot second")
    await live.inbox.until(lambda inbox: bool(inbox.amended))
    assert live.inbox.amended[-1][2] == "second\n\na.txt:\n```txt\none\n```"
