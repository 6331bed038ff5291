"""What people edit, delete, undo or want forgotten while, or before, others repeat it."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta

import pytest

from bot.values import Part, Reply, ReplyState
from storage import SqlStore
from storage.records import SqlRecords
from tests.storage.given import ANA, BEN, FINISH, PLACE, PROMPT, answer, claimed, said, texts

SECRET = "my code is apple pear plum"


@pytest.fixture
def records(store: SqlStore) -> SqlRecords:
    return SqlRecords(store.database)


def everything(raw: sqlite3.Connection) -> str:
    return "\n".join(raw.iterdump())


async def asked(store: SqlStore, message_id: str, text: str) -> Reply:
    """Ben asks, and his answer is being written."""
    reply = await store.claim(said(message_id, author=BEN, text=text))
    assert reply is not None
    await store.advance(reply.id, ReplyState.QUEUED)
    await store.advance(reply.id, ReplyState.GENERATING)
    return reply


async def told(store: SqlStore) -> None:
    """Ana tells her secret, which the answer repeats."""
    reply = await store.claim(said("m1", text=SECRET))
    assert reply is not None
    await answer(store, reply, f"I see, {SECRET}.")


@pytest.mark.parametrize("way", ["edited", "deleted", "undone"])
async def test_what_was_taken_back_is_gone_from_what_repeats_it_once_its_author_is_forgotten(
    store: SqlStore, records: SqlRecords, raw: sqlite3.Connection, way: str
) -> None:
    await told(store)
    if way == "undone":
        assert await records.undo(PLACE)
    await answer(store, await asked(store, "b1", "what did she say?"), f"She said {SECRET}!")
    if way == "edited":
        assert await store.amend(PLACE, "m1", "nothing")
    elif way == "deleted":
        assert await store.withdraw(PLACE, "m1")
    last = await asked(store, "b2", f"so {SECRET}, well")
    await records.forget_person("discord", ANA.id)
    assert "apple" not in everything(raw)
    assert (await texts(store, last))[-3:] == [
        "what did she say?",
        "She said […]!",
        "so […], well",
    ]
    assert raw.execute("SELECT * FROM fingerprints").fetchall() == []


async def test_of_what_was_taken_back_no_word_is_kept(
    store: SqlStore, records: SqlRecords, raw: sqlite3.Connection
) -> None:
    await claimed(store, "m1")
    await store.amend(PLACE, "m1", SECRET)
    assert await store.withdraw(PLACE, "m1")
    assert "apple" not in everything(raw)
    kept = (await records.export_person("discord", ANA.id))["fingerprints"]
    assert [len(row["runs"].split()) for row in kept] == [1, 4]


async def test_a_message_that_grows_by_edits_is_remembered_once(
    store: SqlStore, records: SqlRecords
) -> None:
    words = [f"word{number}" for number in range(40)]
    await claimed(store, "m1")
    for _ in range(2):
        for last in range(3, len(words)):
            await store.amend(PLACE, "m1", " ".join(words[:last]))
    await store.withdraw(PLACE, "m1")
    kept = (await records.export_person("discord", ANA.id))["fingerprints"]
    every = [each for row in kept for each in row["runs"].split()]
    assert len(every) == len(set(every)) == len(words) - 2


async def test_fingerprints_go_with_their_time(store: SqlStore, records: SqlRecords) -> None:
    await told(store)
    await store.withdraw(PLACE, "m1")
    await records.purge_places([PLACE.id], datetime.now(UTC) + timedelta(days=1))
    assert (await records.export_person("discord", ANA.id))["fingerprints"] == []


async def test_an_edit_that_changes_no_word_takes_nothing_back(
    store: SqlStore, records: SqlRecords, raw: sqlite3.Connection
) -> None:
    """Platforms tell of an edit when they add the preview of a link."""
    await told(store)
    assert await store.amend(PLACE, "m1", SECRET)
    assert len(raw.execute("SELECT * FROM prompts").fetchall()) == 1
    assert (await records.export_person("discord", ANA.id))["fingerprints"] == []


@pytest.mark.parametrize("way", ["edited", "deleted"])
async def test_a_prompt_that_holds_a_message_as_it_was_is_not_kept(
    store: SqlStore, records: SqlRecords, raw: sqlite3.Connection, way: str
) -> None:
    await told(store)
    running = await asked(store, "b1", "hello")
    waiting = await store.claim(said("b2", author=BEN))
    if way == "edited":
        await store.amend(PLACE, "m1", "nothing")
    else:
        await store.withdraw(PLACE, "m1")
    await store.complete(running.id, "Hello.", FINISH, PROMPT)
    await store.end(running.id, ReplyState.DELIVERED)
    assert raw.execute("SELECT * FROM prompts").fetchall() == []
    assert waiting is not None
    await answer(store, waiting, "And hello.")
    assert await texts(store, await claimed(store, "m9")) == [
        *(["nothing"] if way == "edited" else []),
        f"I see, {SECRET}.",
        "hello",
        "Hello.",
        "text of b2",
        "And hello.",
        "text of m9",
    ]
    [prompt] = raw.execute("SELECT reply_id FROM prompts").fetchall()
    assert prompt["reply_id"] == waiting.id


async def test_a_prompt_made_after_an_edit_is_kept(
    store: SqlStore, raw: sqlite3.Connection
) -> None:
    running = await asked(store, "b1", "hello")
    await store.amend(PLACE, "b1", "hello again")
    await answer(store, running, "Hello.")
    assert len(raw.execute("SELECT * FROM prompts").fetchall()) == 1


async def test_an_answer_being_written_does_not_bring_the_words_of_the_forgotten_back(
    store: SqlStore, records: SqlRecords, raw: sqlite3.Connection
) -> None:
    await told(store)
    running = await asked(store, "b1", "what did she say?")
    await store.flush(running.id, f"She said {SECRET}")
    await store.save_part(running.id, Part(0, "out", f"She said {SECRET}"))
    await records.forget_person("discord", ANA.id)
    assert "apple" not in everything(raw)
    whole = f"She said {SECRET}, and that again."
    await store.flush(running.id, whole)
    await store.save_part(running.id, Part(0, "out", whole))
    await store.complete(running.id, whole, FINISH, PROMPT)
    await store.save_part(running.id, Part(1, "more", whole))
    assert "apple" not in everything(raw)
    await store.end(running.id, ReplyState.DELIVERED)
    assert raw.execute("SELECT * FROM prompts").fetchall() == []
    following = await asked(store, "b2", "thanks")
    assert (await texts(store, following))[-3:] == ["what did she say?", "[…]", "thanks"]


@pytest.mark.parametrize("state", [ReplyState.STOPPED, ReplyState.FAILED, ReplyState.INTERRUPTED])
async def test_nor_does_one_that_is_cut_short(
    store: SqlStore, records: SqlRecords, raw: sqlite3.Connection, state: ReplyState
) -> None:
    running = await asked(store, "b1", "what did she say?")
    await told(store)
    await records.forget_person("discord", ANA.id)
    await store.end(running.id, state, text=f"She said {SECRET}")
    assert "apple" not in everything(raw)


async def test_an_answer_that_waited_meanwhile_is_kept(
    store: SqlStore, records: SqlRecords, raw: sqlite3.Connection
) -> None:
    await told(store)
    waiting = await store.claim(said("b1", author=BEN))
    assert waiting is not None
    await records.forget_person("discord", ANA.id)
    await answer(store, waiting, "Hello.")
    assert (await texts(store, await claimed(store, "m2")))[-3:-1] == ["text of b1", "Hello."]
    assert len(raw.execute("SELECT * FROM prompts").fetchall()) == 1


async def test_an_answer_begun_anew_by_a_restart_is_kept(
    store: SqlStore, records: SqlRecords
) -> None:
    await told(store)
    running = await asked(store, "b1", "what did she say?")
    await store.flush(running.id, f"She said {SECRET}")
    await records.forget_person("discord", ANA.id)
    [found] = await store.unfinished("discord")
    assert found.text == "She said […]"
    await answer(store, found, "Nobody said anything.")
    assert (await texts(store, await claimed(store, "m2")))[-2] == "Nobody said anything."


async def test_another_answer_after_that_is_kept(store: SqlStore, records: SqlRecords) -> None:
    await told(store)
    running = await asked(store, "b1", "hello")
    await records.forget_person("discord", ANA.id)
    await store.complete(running.id, SECRET, FINISH, PROMPT)
    await store.end(running.id, ReplyState.DELIVERED)
    again = await records.reopen(running.id, ANA.id)
    assert again is not None
    await answer(store, again, "Hello.")
    record = await records.record(running.id)
    assert record is not None
    assert [each.text for each in record.alternatives] == ["[…]", "Hello."]
