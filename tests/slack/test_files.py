"""Files that people attach: which are read into the message, and which are declined."""

from __future__ import annotations

import pytest

from adapters.slack.files import MOST_BYTES
from bot.control.words import say
from tests.slack.stage import Stage


async def whispers(stage: Stage) -> list[str]:
    await stage.server.world.changes.until(
        lambda: stage.ann.sees, 10, lambda: "nothing was said to Ann alone"
    )
    return [message.content for message in stage.ann.sees]


async def test_text_files_are_read_into_the_message_with_their_names(live: Stage) -> None:
    code = live.ann.uploads("knot.py", "print('tie')\n", "text/x-python")
    notes = live.ann.uploads("notes", "two\n```\nknots", "text/plain")
    await live.ann.shares(live.channel, "@bot what is this?", code, notes)
    inbound = (await live.heard())[0]
    assert inbound.text == (
        "what is this?\n\nknot.py:\n```py\nprint('tie')\n```\n\nnotes:\n````\ntwo\n```\nknots\n````"
    )
    await live.quiet()
    assert live.server.world.uploads.read == [code.id, notes.id]
    assert live.ann.sees == []


async def test_a_file_without_words_is_a_message(live: Stage) -> None:
    await live.ann.shares(live.ann.dms, "", live.ann.uploads("a.txt", "hello"))
    assert (await live.heard())[0].text == "a.txt:\n```txt\nhello\n```"


async def test_other_files_are_declined_in_one_sentence(live: Stage) -> None:
    files = [
        live.ann.uploads("photo.png", b"\x89PNG", "image/png"),
        live.ann.uploads("huge.txt", "x" * (MOST_BYTES + 1)),
        live.ann.uploads("odd.txt", b"\xff\xfe"),
        live.ann.uploads("null.txt", b"a\0b"),
        live.ann.uploads("fifth.txt", "one too many"),
    ]
    await live.ann.shares(live.channel, "@bot look", *files)
    inbound = (await live.heard())[0]
    names = [file.name for file in files]
    assert inbound.text == "\n".join(["look", *(f"[attached: {name}]" for name in names)])
    told = say("slack.file_declined", names=", ".join(names), most=100, count=4)
    assert await whispers(live) == [told]
    await live.quiet()
    assert await whispers(live) == [told]


async def test_without_the_scope_files_are_declined_and_the_words_are_answered(live: Stage) -> None:
    live.workspace.scopes.discard("files:read")
    await live.ann.shares(live.channel, "@bot look", live.ann.uploads("a.txt", "hello"))
    assert (await live.heard())[0].text == "look\n[attached: a.txt]"
    assert "a.txt" in (await whispers(live))[0]


@pytest.mark.parametrize(
    "url", ["https://files.slack.com.evil.example/x", "http://files.slack.com/x", "file:///x", ""]
)
async def test_the_token_is_sent_to_slack_alone(live: Stage, url: str) -> None:
    upload = live.ann.uploads("a.txt", "hello")
    upload.url = url
    await live.ann.shares(live.ann.dms, "look", upload)
    assert (await live.heard())[0].text == "look\n[attached: a.txt]"
    assert live.server.world.uploads.read == []


async def test_an_edit_keeps_what_the_files_said(live: Stage) -> None:
    message = await live.ann.shares(live.ann.dms, "frist", live.ann.uploads("a.txt", "hello"))
    await live.heard()
    await live.ann.edits(message, "first")
    await live.inbox.until(lambda inbox: bool(inbox.amended))
    assert live.inbox.amended[0][2] == "first\n\na.txt:\n```txt\nhello\n```"
    assert len(live.server.world.uploads.read) == 1


async def test_a_file_of_which_only_the_id_is_told_is_looked_up(live: Stage) -> None:
    upload = live.ann.uploads("a.txt", "hello")
    upload.bare = True
    await live.ann.shares(live.ann.dms, "look", upload)
    assert (await live.heard())[0].text == "look\n\na.txt:\n```txt\nhello\n```"
    assert [call["file"] for call in live.called("files.info")] == [upload.id]


async def test_a_deleted_file_leaves_the_words(live: Stage) -> None:
    files = [live.ann.uploads(name, name) for name in ("a.txt", "b.txt")]
    message = await live.ann.shares(live.ann.dms, "look", *files)
    await live.heard()
    await live.ann.deletes_file(message, files[0])
    await live.inbox.until(lambda inbox: bool(inbox.amended))
    assert [text for _, _, text in live.inbox.amended] == ["look\n\nb.txt:\n```txt\nb.txt\n```"]


async def test_of_a_message_that_was_a_file_nothing_is_left_without_it(live: Stage) -> None:
    upload = live.ann.uploads("a.txt", "hello")
    message = await live.ann.shares(live.ann.dms, "", upload)
    inbound = (await live.heard())[0]
    await live.ann.deletes_file(message, upload)
    await live.inbox.until(lambda inbox: bool(inbox.withdrawn))
    assert live.inbox.withdrawn == [(inbound.place.id, inbound.message_id)]
    assert live.inbox.amended == []


async def test_a_file_that_is_taken_out_and_shared_again_is_read_again(live: Stage) -> None:
    upload = live.ann.uploads("a.txt", "hello")
    message = await live.ann.shares(live.ann.dms, "look", upload)
    await live.heard()
    await live.ann.removes_file(message, upload)
    await live.inbox.until(lambda inbox: bool(inbox.amended))
    assert live.inbox.amended[0][2] == "look"
    await live.ann.shares(live.ann.dms, "again", upload)
    await live.heard(2)
    assert live.server.world.uploads.read == [upload.id, upload.id]
