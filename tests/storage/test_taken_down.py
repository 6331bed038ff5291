"""What a moderator deletes of the bot's answers is kept nowhere."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import text
from sqlalchemy.engine import Connection

from bot.control.records import Preference, Verdict, Vote
from bot.values import Part, Reply, ReplyState
from storage import SqlStore
from storage.answers import unpacked
from storage.records import SqlRecords
from storage.tables import metadata
from tests.storage.given import ANA, BEN, FINISH, PLACE, PROMPT, THREAD, answer, claimed, texts

SECRET = "Ann lives in Elm Street."


async def told(store: SqlStore) -> Reply:
    """An answer of two messages, given twice and judged, and another question after it."""
    records = SqlRecords(store.database)
    reply = await claimed(store, "m1")
    await store.save_part(reply.id, Part(1, "and more", SECRET))
    await answer(store, reply, SECRET)
    await records.vote(Vote(reply.id, 1, BEN, Verdict.DOWN, "no"))
    await records.reopen(reply.id, ANA.id)
    await answer(store, reply, SECRET)
    await records.prefer(Preference(reply.id, 2, 1, ANA))
    return reply


def everything(connection: Connection) -> str:
    found: list[str] = []
    for table in metadata.sorted_tables:
        for row in connection.execute(table.select()).mappings():
            values = dict(row)
            if table.name == "prompts":
                values["content"] = unpacked(values["content"])
            found.append(repr(values))
    return "\n".join(found)


async def test_an_answer_of_which_a_message_is_deleted_is_gone_from_every_table(
    store: SqlStore,
) -> None:
    reply = await told(store)
    later = await claimed(store, "m2")
    prompt = replace(PROMPT, text=SECRET)
    await store.complete(later.id, "I said it.", FINISH, prompt)
    await store.end(later.id, ReplyState.DELIVERED)
    taken = await store.take_down(PLACE, "out-1")
    assert taken is not None
    assert (taken.id, [part.message_id for part in taken.parts]) == (reply.id, ["and more"])
    assert "Elm Street" not in await store.database.read(everything)
    assert await texts(store, later) == ["text of m1", "text of m2"]


async def test_it_can_be_given_again_in_a_new_message(store: SqlStore) -> None:
    reply = await told(store)
    await store.take_down(PLACE, "out-1")
    again = await SqlRecords(store.database).reopen(reply.id, ANA.id)
    assert again is not None
    assert again.parts == ()
    await answer(store, again, "I cannot say.")
    following = await claimed(store, "m2")
    assert await texts(store, following) == ["text of m1", "I cannot say.", "text of m2"]


async def test_one_that_is_still_being_given_is_not_kept_either(store: SqlStore) -> None:
    reply = await claimed(store, "m1")
    await store.save_part(reply.id, Part(0, "out", "Ann lives"))
    taken = await store.take_down(PLACE, "out")
    assert taken is not None
    assert not taken.state.ended
    await store.save_part(reply.id, Part(0, "out", SECRET))
    await store.complete(reply.id, SECRET, FINISH, replace(PROMPT, text=SECRET))
    await store.end(reply.id, ReplyState.DELIVERED)
    assert "Elm Street" not in await store.database.read(everything)


async def test_a_message_that_shows_no_answer_there_takes_nothing_down(store: SqlStore) -> None:
    await told(store)
    assert await store.take_down(PLACE, "m1") is None
    assert await store.take_down(THREAD, "out-1") is None
    count = text("SELECT count(*) FROM answers")
    found = await store.database.read(lambda connection: connection.execute(count).scalar_one())
    assert found == 2
