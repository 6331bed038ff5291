"""What others quote of somebody who does not want their words used for training."""

from __future__ import annotations

import sqlite3
from dataclasses import replace

from bot.control.records import Verdict, Vote
from bot.values import Author, Place
from storage import SqlStore
from storage.records import SqlRecords
from tests.storage.given import BEN, FINISH, PLACE, PROMPT, answer, claimed, said

CAT = Author("3", "Cat")
ELSEWHERE = Place("discord", "guild", "elsewhere")
QUOTE = "> Ben 🐦: my salary is 4200 euros\nis that fair?"


async def liked(
    store: SqlStore, message_id: str, text: str = "", *, quoted: str = "", place: Place = PLACE
) -> int:
    """Cat asks, and likes the answer."""
    asked = replace(said(message_id, place=place, author=CAT, text=text), quoted=quoted)
    reply = await store.claim(asked)
    assert reply is not None
    await store.complete(reply.id, "It depends.", FINISH, PROMPT)
    await SqlRecords(store.database).vote(Vote(reply.id, 1, CAT, Verdict.UP))
    return reply.id


async def exported(store: SqlStore, limit: int = 500) -> list[int]:
    examples = await SqlRecords(store.database).examples(limit=limit)
    return [example.reply_id for example in examples]


async def test_their_words_are_in_nobodys_example_since_they_were_quoted(store: SqlStore) -> None:
    records = SqlRecords(store.database)
    before = await liked(store, "m1")
    quoting = await liked(store, "m2", QUOTE, quoted=BEN.id)
    after = await liked(store, "m3")
    other = await liked(store, "m4", place=ELSEWHERE)
    assert await exported(store) == [before, quoting, after, other]
    await records.use_feedback("slack", BEN.id, False)
    assert await exported(store) == [before, quoting, after, other]
    await records.use_feedback("discord", BEN.id, False)
    assert await exported(store) == [before, other]
    await records.use_feedback("discord", BEN.id, True)
    assert await exported(store) == [before, quoting, after, other]


async def test_who_is_called_the_same_is_not_taken_for_them(store: SqlStore) -> None:
    quoting = await liked(store, "m1", QUOTE, quoted="4")
    await store.claim(said("m2", place=ELSEWHERE, author=BEN))
    await SqlRecords(store.database).use_feedback("discord", BEN.id, False)
    assert await exported(store) == [quoting]


async def test_a_quotation_from_before_ids_were_kept_is_known_by_its_name(store: SqlStore) -> None:
    """Ben has only ever spoken elsewhere; only the first example of a page is free of him."""
    before = await liked(store, "m1")
    for number in range(3):
        await liked(store, f"q{number}", QUOTE)
    other = await liked(store, "m2", "> Ben: is somebody else\nso?", place=ELSEWHERE)
    third = replace(ELSEWHERE, channel="third")
    await store.claim(said("m3", place=third, author=replace(BEN, name="ben  🐦")))
    await SqlRecords(store.database).use_feedback("discord", BEN.id, False)
    assert await exported(store) == [before, other]
    assert await exported(store, limit=2) == [before, other]


async def test_a_persona_that_they_set_stays_the_channels(store: SqlStore) -> None:
    await store.set_persona(PLACE.id, "You are a raven.", BEN)
    reply = await liked(store, "m1")
    await SqlRecords(store.database).use_feedback("discord", BEN.id, False)
    assert await exported(store) == [reply]


async def test_forgetting_takes_a_quotation_out_whatever_the_person_was_called(
    store: SqlStore, raw: sqlite3.Connection
) -> None:
    """Benedict has never been heard where he is quoted, nor ever under that name."""
    records = SqlRecords(store.database)
    await liked(store, "m1", "> Benedict: my salary is 4200\n> euros\nis that fair?", quoted=BEN.id)
    elsewhere = await claimed(store, "m2", place=ELSEWHERE)
    await answer(store, elsewhere, "Hello.")
    await records.forget_person("discord", BEN.id, names=[BEN.name])
    turns = raw.execute("SELECT text, quoted_id FROM turns ORDER BY id").fetchall()
    assert tuple(turns[0]) == ("> […]\nis that fair?", None)
    kept = raw.execute("SELECT reply_id FROM prompts").fetchall()
    assert [row[0] for row in kept] == [elsewhere.id]
